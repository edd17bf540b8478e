// Buttons that open a dialog, and the ways out of it.
"use strict";

document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
        document.getElementById(opener.dataset.opens).showModal();
        return;
    }
    const dialog = event.target.closest("dialog");
    if (dialog && (event.target === dialog || event.target.closest("[data-closes-dialog]"))) {
        dialog.close();
    }
});
