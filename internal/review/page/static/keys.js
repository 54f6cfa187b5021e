// SPDX-License-Identifier: Apache-2.0

// Everything works without this file: it lets the keyboard do what the buttons do, and sends nothing twice.
"use strict";

(() => {
  const stored = "vedette-keys-off";
  const off = () => localStorage.getItem(stored) === "1";

  // An element with data-key is pressed, ticked or entered by that key. Keys can be turned off, for those who dictate.
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.repeat) return;
    const typing = e.target.closest("input:not([type=checkbox]), textarea, select");
    if (typing) {
      if (e.key === "Escape") typing.blur();
      return;
    }
    if (off()) return;
    const target = document.querySelector(`[data-key="${CSS.escape(e.key.toLowerCase())}"]`);
    if (!target || target.disabled) return;
    e.preventDefault();
    if (target.matches("details")) {
      target.open = !target.open;
      target.querySelector("summary").focus();
    } else if (target.matches("textarea, input:not([type=checkbox])")) {
      target.focus();
    } else {
      target.click();
    }
  });

  // In a text, Control and Enter sends the form with its first button.
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || !e.target.matches("textarea")) return;
    e.target.form?.requestSubmit(e.target.form.querySelector("[data-first]"));
  });

  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sent) {
      e.preventDefault();
      return;
    }
    e.target.dataset.sent = "1";
    e.target.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
  });

  const toggle = document.getElementById("keys-on");
  if (toggle) {
    toggle.closest("[hidden]").hidden = false;
    toggle.checked = !off();
    toggle.addEventListener("change", () => {
      if (toggle.checked) localStorage.removeItem(stored);
      else localStorage.setItem(stored, "1");
    });
  }
})();
