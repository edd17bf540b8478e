// Light or dark: as the system says until the reader chooses; the choice is remembered.
"use strict";

(() => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");

    const remembered = () => {
        try {
            return localStorage.getItem("theme");
        } catch {
            return null; // storage is switched off: the choice lasts for this page
        }
    };
    const remember = (theme) => {
        try {
            localStorage.setItem("theme", theme);
        } catch {
            return;
        }
    };
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const tell = () => {
        document.querySelectorAll("[data-act=theme]").forEach((button) => {
            button.setAttribute("aria-pressed", String(isDark()));
        });
        document.dispatchEvent(new CustomEvent("theme"));
    };

    const chosen = remembered();
    if (chosen === "light" || chosen === "dark") {
        root.dataset.theme = chosen;
    }
    document.addEventListener("DOMContentLoaded", tell);
    system.addEventListener("change", tell);
    document.addEventListener("click", (event) => {
        if (event.target.closest("[data-act=theme]")) {
            root.dataset.theme = isDark() ? "light" : "dark";
            remember(root.dataset.theme);
            tell();
        }
    });
})();
