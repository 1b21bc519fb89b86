// The times of a movie's pictures, in seconds, from what station/derive/frames.py writes.

export function readTimes({ base: [numerator, denominator], first, runs }) {
  const count = runs.reduce((sum, [, often]) => sum + often, 1);
  const times = new Float64Array(count);
  let ticks = first;
  let at = 0;
  times[at++] = (ticks * numerator) / denominator;
  for (const [step, often] of runs) {
    for (let n = 0; n < often; n++) {
      ticks += step;
      times[at++] = (ticks * numerator) / denominator;
    }
  }
  return times;
}

// A moment as people read it, to the millisecond: 0:01:23.400.
export function clock(ms) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  return `${Math.floor(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}

// The picture shown at a moment: the last that has begun. A microsecond of grace is for the browser's own rounding.
export function numberAt(times, seconds) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const half = (low + high) >> 1;
    if (times[half] <= seconds + 1e-6) low = half + 1;
    else high = half;
  }
  return Math.max(0, low - 1);
}

// The middle of a picture's time; the last one lasts as long as the one before it, or until the end if that is sooner.
export function middle(times, number, duration) {
  const before = number ? times[number] - times[number - 1] : 0;
  const end = number + 1 < times.length ? times[number + 1] : Math.min(times[number] + before, duration || Infinity);
  return (times[number] + Math.max(times[number], end)) / 2;
}
