// <track-map>: a mark on the drawn way follows the player. It stands on the last position the recorder wrote, never
// between. A click on the way seeks to where it was nearest; by keyboard one seeks in the player.

class TrackMap extends HTMLElement {
  connectedCallback() {
    this.video = document.querySelector("evidence-player video");
    if (!this.video || !this.dataset.follow) return;
    this.fixes = JSON.parse(this.dataset.follow);
    this.mark = this.querySelector(".now");
    for (const name of ["loadedmetadata", "timeupdate", "seeking"]) this.video.addEventListener(name, () => this.show());
    this.drawing = this.querySelector("svg");
    this.classList.add("follows");
    this.drawing.addEventListener("click", (event) => this.seek(event));
    this.show();
  }

  seek(event) {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.drawing.getScreenCTM().inverse());
    const far = ([, left, top]) => Math.hypot(left - x, top - y);
    const nearest = this.fixes.reduce((best, fix) => (far(fix) < far(best) ? fix : best));
    this.video.currentTime = nearest[0] / 1000;
  }

  show() {
    const ms = this.video.currentTime * 1000;
    const after = this.fixes.findIndex(([at]) => at > ms);
    const fix = after < 0 ? this.fixes.at(-1) : this.fixes[after - 1];
    this.mark.toggleAttribute("hidden", !fix);
    if (!fix) return;
    this.mark.setAttribute("cx", fix[1]);
    this.mark.setAttribute("cy", fix[2]);
  }
}

customElements.define("track-map", TrackMap);
