// What every page does: theme, menus, dialogs, forms that submit themselves, messages when the station does not answer.
// Everything works without it too, by plain forms and links.

import htmx from "htmx.org";

const acts = {
  theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Storage may be forbidden: the choice holds for this page only.
    }
  },
  "close-dialog": () => document.getElementById("dialog").close(),
  reload: () => location.reload(),
  print: () => print(),
  keys: () => document.getElementById("keyboard").showModal(),
  async copy(button) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.from).textContent);
    button.querySelector("span").textContent = button.dataset.done;
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) acts[button.dataset.act](button);
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Keys that do the same on every page that has them; not while somebody types.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea")) return;
  const help = document.getElementById("keyboard");
  const search = document.querySelector("main input[type=search]");
  if (event.key === "?" && help) help.showModal();
  else if (event.key === "/" && search) search.focus();
  else return;
  event.preventDefault();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto-submit]");
  if (form && event.target.form === form) form.requestSubmit();
});

// Addresses without the filters that are not used.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});

export function say(words) {
  const place = document.getElementById("toasts");
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = words;
  place.append(toast);
  setTimeout(() => toast.remove(), 8000);
}

// A form marked data-dialog opens its answer in the dialog; without script it is a page of its own.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-dialog]")) return;
  event.preventDefault();
  const content = document.getElementById("dialog-content");
  const query = new URLSearchParams(new FormData(form));
  const action = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  try {
    const answer = await fetch(`${action}?${query}`, { headers: { "HX-Request": "true" } });
    if (answer.headers.has("HX-Redirect")) return location.assign(answer.headers.get("HX-Redirect"));
    if (!answer.ok) return say(document.getElementById("toasts").dataset.refused);
    content.innerHTML = await answer.text();
  } catch {
    return say(document.getElementById("toasts").dataset.offline);
  }
  htmx.process(content);
  document.getElementById("dialog").showModal();
});

const dialog = document.getElementById("dialog");
dialog?.addEventListener("close", () => {
  if (dialog.querySelector("[data-bound]")) location.reload();
});
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
document.getElementById("keyboard")?.addEventListener("click", (event) => {
  if (event.target.id === "keyboard") event.target.close();
});

// A piece of a page was asked for and a whole page came: an error, told in its own words instead of swapped in.
document.addEventListener("htmx:after:request", (event) => {
  const { text, response } = event.detail.ctx;
  if (response.status < 400 || !/^\s*<!doctype/i.test(text)) return;
  event.preventDefault();
  const page = new DOMParser().parseFromString(text, "text/html");
  say(page.querySelector(".empty h2")?.textContent ?? document.getElementById("toasts").dataset.refused);
});

document.addEventListener("htmx:error", () => say(document.getElementById("toasts").dataset.offline));

// A poster that can't be had gives way to the words that stand for it.
document.addEventListener(
  "error",
  (event) => {
    if (!event.target.matches?.("img[data-poster]")) return;
    event.target.hidden = true;
    event.target.nextElementSibling.hidden = false;
  },
  true,
);

// Rows that lead somewhere are clickable as a whole; their link stays the one for the keyboard.
document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input, label") && !getSelection().toString()) location.href = row.dataset.href;
});
