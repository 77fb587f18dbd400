/** Whether an earlier page left files half sent or half received: one entry that costs nothing to look at. */
const KEY = 'parley.files';

export function isLeftBehind(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

/** Best effort: without storage nothing outlives the page. */
export function setLeftBehind(left: boolean): void {
  try {
    if (left) localStorage.setItem(KEY, '1');
    else localStorage.removeItem(KEY);
  } catch {
    // The browser keeps nothing for this page.
  }
}
