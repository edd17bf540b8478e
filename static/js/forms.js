// A form is sent once however often it is clicked; some are sent by their first change.
"use strict";

(() => {
    document.addEventListener("submit", (event) => {
        const form = event.target;
        if (form.method !== "post" || form.hasAttribute("hx-post")) {
            return;
        }
        if (form.dataset.sent) {
            event.preventDefault();
            return;
        }
        form.dataset.sent = "yes";
        event.submitter?.setAttribute("aria-busy", "true");
    });
    document.addEventListener("change", (event) => {
        if (event.target.closest("[data-submits]")) {
            event.target.form.requestSubmit();
        }
    });
    // A page that comes back from the browser's memory may send its forms again.
    window.addEventListener("pageshow", () => {
        document.querySelectorAll("form[data-sent]").forEach((form) => {
            delete form.dataset.sent;
            form.querySelectorAll("[aria-busy]").forEach((b) => b.removeAttribute("aria-busy"));
        });
    });
})();
