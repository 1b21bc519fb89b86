import "htmx.org";
import "./_page.js";
import "./_clip-grid.js";
import "./_dock-board.js";
import "./_dock-session.js";
import "./_evidence-player.js";
import "./_file-check.js";
import "./_tagging.js";
