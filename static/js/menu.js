// The menu of a narrow screen, and panels that close when one looks elsewhere.
"use strict";

(() => {
    const body = document.body;
    const button = document.querySelector("[data-act=menu]");
    const sidebar = document.getElementById("sidebar");

    const show = (isOpen) => {
        body.dataset.menu = isOpen ? "open" : "closed";
        button.setAttribute("aria-expanded", String(isOpen));
        if (isOpen) {
            sidebar.querySelector("a").focus();
        }
    };

    document.addEventListener("click", (event) => {
        if (button && button.contains(event.target)) {
            show(body.dataset.menu !== "open");
        } else if (body.dataset.menu === "open" && !sidebar.contains(event.target)) {
            show(false);
        }
        document.querySelectorAll("details[data-closes][open]").forEach((panel) => {
            if (!panel.contains(event.target)) {
                panel.open = false;
            }
        });
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") {
            return;
        }
        if (body.dataset.menu === "open") {
            show(false);
            button.focus();
        }
        document.querySelectorAll("details[data-closes][open]").forEach((panel) => {
            panel.open = false;
            panel.querySelector("summary").focus();
        });
    });
})();
