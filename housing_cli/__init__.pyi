from housing_cli.python import Judgment as Judgment
from housing_cli.python import Model as Model
from housing_cli.python import evaluate as evaluate
from housing_cli.python import load as load
from housing_cli.python import log as log

__version__: str
