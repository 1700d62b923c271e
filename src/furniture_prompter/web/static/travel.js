// @ts-check
/** Going from one address to the next without a page load. The server renders; parts are exchanged. */

/**
 * @typedef {object} How
 * @property {FormData} [form] sent instead of asking for an address
 * @property {Blob} [photo] the photo in the form, kept for going back
 * @property {string} [focus] key of the element that had the focus, which is to have it again
 * @property {boolean} [back] whether the browser has gone to the address already
 */

/** Photos of this tab by their hash: nobody else keeps them. @type {Map<string, Blob>} */
export const photos = new Map();

const main = /** @type {HTMLElement} */ (document.getElementById('results'));
const moving = /** @type {HTMLElement} */ (document.querySelector('.moving'));
const alarm = /** @type {HTMLElement} */ (document.getElementById('alarm'));
const said = /** @type {HTMLElement} */ (document.getElementById('said'));
/** @type {AbortController | undefined} */
let asking;
/** @type {(main: HTMLElement) => void} */
let arrived = () => {};

/** @param {(main: HTMLElement) => void} then called now, and whenever the page has changed */
export function watch(then) {
  arrived = then;
  then(main);
  addEventListener('popstate', () => go(location.href, { back: true }));
}

/**
 * What an address asks for as a form with its photo, which the server has forgotten or another worker knows.
 * @param {URL} address
 * @returns {How | undefined} nothing where this tab has not got the photo either
 */
function again(address) {
  const photo = photos.get(address.searchParams.get('photo') ?? '');
  if (!photo) return undefined;
  const form = new FormData();
  for (const [name, value] of address.searchParams) if (name !== 'photo') form.append(name, value);
  form.set('file', photo, 'photo.jpg');
  return { form, photo };
}

/**
 * Show what is at an address. What was asked for before and has not come is given up.
 * @param {string} address
 * @param {How} [how]
 */
export async function go(address, how = {}) {
  asking?.abort();
  const mine = (asking = new AbortController());
  const late = setTimeout(() => { moving.hidden = false; main.setAttribute('aria-busy', 'true'); }, 150);
  alarm.hidden = true;
  try {
    const answer = await fetch(address, {
      signal: mine.signal,
      method: how.form ? 'POST' : 'GET',
      body: how.form,
      headers: { Accept: 'text/html' },
    });
    const text = await answer.text();
    if (mine.signal.aborted) return;
    if (!answer.headers.get('content-type')?.startsWith('text/html')) {
      warn(messageOf(text) || alarm.dataset.offline || '', () => go(address, how));
      return;
    }
    const page = new DOMParser().parseFromString(text, 'text/html');
    const asked = new URL(address, location.href);
    const anew = page.querySelector('[data-problem=photo_gone]') && !how.form && again(asked);
    if (anew) await go(asked.origin + asked.pathname, { ...how, ...anew });
    else show(page, address, how);
  } catch (error) {
    if (mine.signal.aborted) return;
    warn(alarm.dataset.offline ?? '', () => go(address, how));
  } finally {
    if (asking === mine) {
      clearTimeout(late);
      moving.hidden = true;
      main.removeAttribute('aria-busy');
    } else clearTimeout(late);
  }
}

/** @param {string} text of an error as the API answers it @returns {string} what the page says of it, in its language */
export function messageOf(text) {
  try {
    const said = JSON.parse(alarm.dataset.problems ?? '{}');
    return said[JSON.parse(text).error.code] ?? said.other;
  } catch { return ''; }
}

/**
 * Say what went wrong, with a way to try again.
 * @param {string} text
 * @param {() => void} [retry]
 * @returns {() => void} takes it back, unless something else has gone wrong by then
 */
export function warn(text, retry) {
  const told = new Text(text);
  const end = () => { if (told.parentNode) alarm.hidden = true; };
  alarm.replaceChildren(told);
  if (retry) {
    const button = document.createElement('button');
    button.className = 'button small';
    button.textContent = alarm.dataset.again ?? '';
    button.addEventListener('click', () => { end(); retry(); });
    alarm.append(button);
  }
  alarm.hidden = false;
  return end;
}

/** @param {Document} page @param {string} address @param {How} how */
function show(page, address, how) {
  const fresh = /** @type {HTMLElement | null} */ (page.getElementById('results'));
  if (!fresh) { location.assign(address); return; }
  const hash = fresh.dataset.photo ?? '';
  if (how.photo && hash) photos.set(hash, how.photo);
  const at = new URL(fresh.dataset.address || address, new URL(document.body.dataset.root ?? './', location.href));
  if (!how.back && at.href !== location.href) history.pushState(null, '', at);
  const folded = new Map([...main.querySelectorAll('details[data-fold]')].map((each) => [each.getAttribute('data-fold'), each.hasAttribute('open')]));
  document.title = page.title;
  for (const part of page.querySelectorAll('[data-part]')) {
    const name = part.getAttribute('data-part');
    const here = document.querySelector(`[data-part="${name}"]`);
    if (!here) continue;
    here.replaceChildren(...part.childNodes);
    if (part instanceof HTMLElement && here instanceof HTMLElement) for (const key of ['address', 'query', 'first', 'photo', 'xywh']) if (key in part.dataset) here.dataset[key] = part.dataset[key];
  }
  for (const field of page.querySelectorAll('input[data-kept]')) {
    const here = document.querySelector(`#search input[name="${field.getAttribute('name')}"]`);
    if (here instanceof HTMLInputElement) here.value = field.getAttribute('value') ?? '';
  }
  const weight = page.getElementById('weight');
  const slider = document.getElementById('weight');
  if (weight && slider instanceof HTMLInputElement) slider.value = weight.getAttribute('value') ?? '50';
  for (const each of main.querySelectorAll('details[data-fold]')) {
    const open = folded.get(each.getAttribute('data-fold'));
    if (open !== undefined) each.toggleAttribute('open', open);
  }
  arrived(main);
  settle(how);
}

/** Where the focus goes, and what is said. @param {How} how */
function settle(how) {
  const heading = document.getElementById('heading');
  said.textContent = main.querySelector('[data-count]')?.getAttribute('data-count') ?? heading?.textContent ?? '';
  if (how.back) return;
  const same = how.focus ? document.querySelector(`[data-key="${CSS.escape(how.focus)}"]`) : null;
  if (same instanceof HTMLElement) { same.focus({ preventScroll: true }); return; }
  scrollTo({ top: 0 });
  heading?.focus({ preventScroll: true });
}
