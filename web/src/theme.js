// Runs before the first paint, so that a chosen theme never flashes; without a choice the system's is followed.
const root = document.documentElement;
root.classList.add("scripted");
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: the system's theme it is.
}
