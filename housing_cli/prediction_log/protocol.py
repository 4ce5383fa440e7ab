"""What every back end of the prediction log does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.records import (
    Arrivals,
    ArrivalsQuery,
    Broken,
    Feedback,
    Group,
    Initialized,
    Labeled,
    Late,
    LateQuery,
    Predictions,
    Served,
    Sums,
    SumsQuery,
)
from housing_cli.prediction_log.tried import Tried, TriedQuery


class PredictionLog(Protocol):
    """What every back end does. Any method may raise `LogUnavailable`; it may recover later.

    Writers wait for each other. With `wait=False` a log that is not `blocking` raises `LogBusy`
    instead, before anything is written, when it would have to wait for more than milliseconds.
    """

    url: str
    blocking: bool
    """Whether `append` and `feedback` may wait for a disk, a database or another machine: a server
    then calls them outside its event loop, as groups."""

    @property
    def clock_jump_ms(self) -> int:
        """How far the clock was behind what this object recorded before, at most; 0 if never."""

    def append(
        self,
        model_version: str,
        features: Sequence[Sequence[float | None]],
        predicted: Sequence[float],
        *,
        wait: bool = True,
    ) -> list[str]:
        """Record predictions, all or none; return their ids (time-ordered UUIDs, version 7).

        When it returns, the rows have left the process: `kill -9` does not lose them.
        """

    def append_groups(self, groups: Iterable[Group], *, wait: bool = True) -> list[list[str]]:
        """Record the rows of several `append` calls at once, all or none; return the ids of each.

        For requests that wait at the same time: one transaction or one write for all of them. An
        iterator is read to its end before anything is written, and nothing is when it raises.
        """

    def feedback(self, prediction_id: str, real_price: float, *, wait: bool = True) -> Feedback:
        """Record the real price of one prediction; the last value counts.

        The same value again changes nothing. Raises `UnknownPrediction`, and ValueError for a
        price that is not finite or not above 0.
        """

    def labeled(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
        features: bool = True,
    ) -> Labeled:
        """Return labeled rows of `version` (None: all), oldest first.

        The newest `newest` of them and/or those predicted at or after `since` (aware UTC).
        Without `features` a log may leave them out, (n, 0), and what is broken in them alone is no
        broken line then: millions of rows take a third of the time.
        """

    def predictions(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
    ) -> Predictions:
        """Return predictions whether or not they are labeled; arguments as in `labeled`."""

    def glance(self, *, predictions: int, labeled: int) -> Glance:
        """Return the newest rows for people to look at, at a cost that no log makes larger.

        So many of the newest predictions, and of the labeled ones. Where labels came in later
        than the last thousands of them, or a csv log is out of order, it may miss some.
        """

    def sums(self, query: SumsQuery) -> Sums:
        """Return sums over predictions and their real prices, added up where the rows lie.

        What a verdict needs of millions of rows; a prediction counts once, however often it stands
        in the log.
        """

    def arrivals(self, query: ArrivalsQuery) -> Arrivals:
        """Return counts of labels by the day on which the price that counts came in.

        What a judgment within a yearly budget needs, counted where the rows lie.
        """

    def late(self, query: LateQuery) -> Late:
        """Return how many labels came too late for a window to count, and how late.

        The price that counts decides: an early label that was corrected late is late. Reads no
        more than the labels that came in since the window began (csv), or those of the version's
        predictions since `floor` (SQL).
        """

    def broken(self) -> list[Broken]:
        """Return the first line of each file that is no row, for messages; none in a database.

        Reads whole files: to be asked where `skipped` says that there are such lines.
        """

    def append_served(self, rows: Sequence[Served]) -> None:
        """Record what answers carried, all or none; their predictions were appended before.

        The first row of an id counts. Raises `LogSchemaMismatch` for a log without room for it,
        and names `housing log init --migrate`.
        """

    def append_shadow(
        self, version: str, ids: Sequence[str], prices: Sequence[float | None]
    ) -> None:
        """Record what `version`, asked beside, said of answers (None: nothing), all or none.

        As `append_served` with `shadow_version` and `shadow_price` alone, at a tenth of its time a
        row: ids that this log issued are taken as they are.
        """

    def served(self, *, since: datetime | None = None) -> list[Served]:
        """Return what answers carried, ordered by id; of predictions at or after `since`.

        Nothing where nothing was recorded, or where there is no room for it.
        """

    def tried(self, query: TriedQuery) -> Tried:
        """Return the answers that a trial had a part in, beside their real prices where known.

        Joined where the rows lie. Nothing where nothing was recorded, or there is no room for it.
        """

    def init(self, *, migrate: bool = False) -> Initialized:
        """Make the log where there is none; with `migrate`, bring an older one to this format.

        Does nothing that was done before, and may be killed and called again. Raises
        `LogSchemaMismatch` for a log of other columns, or of newer programs.
        """

    def check(self) -> None:
        """Raise `LogUnavailable` or `LogSchemaMismatch` when rows cannot be written now."""

    def close(self) -> None:
        """Release what is held; a closed log is not used again."""
