// What htmx leaves: say that the server is away, copy commands, keep what was unfolded unfolded.
"use strict";
(() => {
  const failing = () => {
    const banner = document.getElementById("offline");
    if (banner.hidden) {
      banner.textContent = banner.dataset.text;
      banner.hidden = false;
    }
    document.getElementById("stale").hidden = false;
  };
  const answering = () => {
    document.getElementById("offline").hidden = true;
  };
  const ready = (root) => {
    for (const button of root.querySelectorAll("button.copy")) button.hidden = false;
  };
  const unfolded = () =>
    [...document.querySelectorAll("#now section")].flatMap((section) =>
      [...section.querySelectorAll("details")].map((one, place) => [section.id, place, one.open]),
    );
  let open = [];
  let scrolled = [];
  let focused = null;

  document.addEventListener("htmx:sendError", failing);
  document.addEventListener("htmx:timeout", failing);
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.target.id === "now") failing();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) answering();
    const path = event.detail.requestConfig.path;
    // Who sent a house or a price wants to see it above.
    if (event.detail.successful && /\/dashboard\/(house|price)\b/.test(path)) {
      document.body.dispatchEvent(new Event("refresh"));
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (["tried", "try"].includes(target.id) && xhr.status >= 400 && xhr.getResponseHeader("content-type")?.startsWith("text/html")) {
      event.detail.shouldSwap = true; // it says what is wrong
      event.detail.isError = false;
    }
    if (target.id !== "now") return;
    // Nobody loses what is being copied: the next one comes in ten seconds.
    const selection = document.getSelection();
    if (!selection.isCollapsed && target.contains(selection.anchorNode)) {
      event.detail.shouldSwap = false;
      return;
    }
    open = unfolded();
    scrolled = [...document.querySelectorAll("#now .wide")].map((one) => one.scrollLeft);
    const active = document.activeElement;
    const same = target.contains(active) ? [...target.querySelectorAll("a, button, summary, [tabindex]")] : [];
    focused = same.length ? same.indexOf(active) : null;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    ready(document);
    if (event.detail.target.id === "try" || event.detail.elt.id === "try") {
      document.querySelector("#house [aria-invalid]")?.focus();
      return;
    }
    if (event.detail.target.id === "tried" || event.detail.elt.id === "tried") {
      document.getElementById("tried").focus({ preventScroll: true });
      return;
    }
    for (const [id, place, was] of open) {
      const one = document.getElementById(id)?.querySelectorAll("details")[place];
      if (one) one.open = was;
    }
    document.querySelectorAll("#now .wide").forEach((one, place) => {
      one.scrollLeft = scrolled[place] ?? 0;
    });
    if (focused !== null) {
      document.querySelectorAll("#now :is(a, button, summary, [tabindex])")[focused]?.focus({ preventScroll: true });
      focused = null;
    }
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const command = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      const range = document.createRange(); // without a secure connection: it is marked at least
      range.selectNodeContents(button.parentElement.querySelector("code"));
      document.getSelection().removeAllRanges();
      document.getSelection().addRange(range);
      if (!document.execCommand("copy")) return;
      document.getSelection().removeAllRanges();
    }
    const before = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 1500);
  });
  ready(document);
})();
