// What a screen reader says of what happened by itself. One region, polite; the same words twice are said twice.

const region = document.getElementById("live");
let turn = false;

/** @param {string} text */
export function say(text) {
  if (!region) return;
  turn = !turn;
  // a space more makes it another text
  region.textContent = turn ? text : `${text}\u00a0`;
}
