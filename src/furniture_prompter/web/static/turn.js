// @ts-check
/** The next photo of a product on its card: under the mouse, with the focus, or by a swipe. */

const PATIENCE_MS = 120;
const SWIPE_PX = 40;
const SIDE_PX = 320;

/** Photos of products whose cards were turned, by the card. @type {WeakMap<Element, Promise<string[]>>} */
const known = new WeakMap();

/** @param {string} root way to the server's own root */
export function turn(root) {
  const base = new URL(root, location.href);
  let timer = 0;

  /** @param {Element} card @returns {Promise<string[]>} addresses of its photos, from the one that it shows */
  function photosOf(card) {
    let found = known.get(card);
    if (!found) {
      found = ask(card).catch(() => []);
      known.set(card, found);
    }
    return found;
  }

  /** @param {Element} card */
  async function ask(card) {
    const id = /** @type {HTMLInputElement | null} */ (card.querySelector('.pick input'))?.value;
    const shown = /** @type {HTMLImageElement | null} */ (card.querySelector('.plate img'));
    if (!id || !shown) return [];
    const answer = await fetch(new URL(`v1/products/${encodeURIComponent(id)}`, base));
    if (!answer.ok) return [];
    /** @type {string[]} */
    const photos = (await answer.json()).photos.map((/** @type {string} */ each) => each.split('/').pop() ?? '');
    const own = shown.src.split('/').pop()?.split('?')[0] ?? '';
    const place = Math.max(0, photos.indexOf(own));
    return [...photos.slice(place), ...photos.slice(0, place)];
  }

  /** Show a photo of a card, counted from its own. @param {Element} card @param {number} steps */
  async function show(card, steps) {
    const photos = await photosOf(card);
    const plate = card.querySelector('.plate');
    if (photos.length < 2 || !plate || (steps && !card.matches(':hover, :focus-within, .swiped'))) return;
    const place = ((steps % photos.length) + photos.length) % photos.length;
    let other = /** @type {HTMLImageElement | null} */ (plate.querySelector('.other'));
    if (!place) { other?.classList.remove('shown'); return; }
    if (!other) {
      other = document.createElement('img');
      other.className = 'other';
      other.alt = '';
      plate.append(other);
    }
    const address = new URL(`v1/images/${photos[place]}`, base);
    address.searchParams.set('side_px', String(devicePixelRatio > 1 ? 2 * SIDE_PX : SIDE_PX));
    other.src = address.href;
    try { await other.decode(); } catch { return; }
    other.classList.add('shown');
  }

  /** @param {Event} event */
  const cardOf = (event) => (event.target instanceof Element ? event.target.closest('.card') : null);

  /** @param {Element} card */
  function soon(card) {
    clearTimeout(timer);
    timer = window.setTimeout(() => show(card, 1), PATIENCE_MS);
  }

  /** @param {Element | null} card @param {Node | null} to where the mouse or the focus went */
  function left(card, to) {
    if (!card || card.contains(to) || card.matches('.swiped')) return;
    clearTimeout(timer);
    card.querySelector('.other')?.classList.remove('shown');
  }

  document.addEventListener('pointerover', (event) => {
    const card = cardOf(event);
    if (card && event.pointerType === 'mouse' && !card.contains(/** @type {Node | null} */ (event.relatedTarget))) soon(card);
  });
  document.addEventListener('pointerout', (event) => {
    if (event.pointerType === 'mouse') left(cardOf(event), /** @type {Node | null} */ (event.relatedTarget));
  });
  document.addEventListener('focusin', (event) => {
    const card = cardOf(event);
    if (card && event.target instanceof Element && event.target.matches(':focus-visible')) soon(card);
  });
  document.addEventListener('focusout', (event) => left(cardOf(event), /** @type {Node | null} */ (event.relatedTarget)));

  /** @type {{ card: Element, x: number, y: number } | undefined} */
  let touched;
  document.addEventListener('touchstart', (event) => {
    const card = cardOf(event);
    const [at] = event.touches;
    touched = card && event.touches.length === 1 ? { card, x: at.clientX, y: at.clientY } : undefined;
  }, { passive: true });
  document.addEventListener('touchend', (event) => {
    const [at] = event.changedTouches;
    if (!touched || Math.abs(at.clientX - touched.x) < SWIPE_PX || Math.abs(at.clientY - touched.y) > SWIPE_PX) return;
    const { card } = touched;
    const steps = Number(card.getAttribute('data-steps') ?? 0) + (at.clientX < touched.x ? 1 : -1);
    card.classList.add('swiped');
    card.setAttribute('data-steps', String(steps));
    show(card, steps);
  }, { passive: true });
}
