// A note's time taken from the player: the moment of the frame that is shown.

import { clock } from "./_frame-times.js";

document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-note-now]")?.form;
  const player = document.querySelector("evidence-player");
  if (!form || !player?.edge) return;
  form.elements.at.value = clock(player.edge("start"));
  form.elements.words.focus();
});
