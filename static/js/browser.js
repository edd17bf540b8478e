/* Tells a form what banks ask of the browser that pays: colours, height, width, offset of UTC. */
document.addEventListener("submit", (event) => {
    const field = event.target.querySelector("[data-browser]");
    if (field) {
        field.value = [screen.colorDepth, screen.height, screen.width, new Date().getTimezoneOffset()].join(",");
    }
});
