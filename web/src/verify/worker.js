import { hashFile } from "./hasher.js";

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ hex: await hashFile(data, (bytes) => self.postMessage({ bytes })) });
  } catch (error) {
    self.postMessage({ error: String(error?.message ?? error) });
  }
};
