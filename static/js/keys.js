// "/" goes to the search box.
"use strict";

document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) {
        return;
    }
    const search = document.getElementById("site-search");
    if (search) {
        event.preventDefault();
        search.focus();
        search.select();
    }
});
