// @ts-check
/** What of the shopper's photo made a hit match: the photo on the hit's card, dark but there. */
import { messageOf, photos, warn } from './travel.js';

const SIDE_PX = 640;
/** How far what did not match is darkened, of 255. */
const DARK = 215;
/** Of a filter: the server reads 2,000. */
const MOST_CHARACTERS = 1900;

/** @typedef {{ x: number, y: number, width: number, height: number }} Part in shares of the photo */
/** @typedef {{ heat: number[][], part: Part, turned: number }} Found */

/**
 * A button on each card of a photo's hits; none where this tab has not got the photo.
 * @param {string} root way to the server's own root
 * @param {HTMLElement} main
 */
export function explain(root, main) {
  const { photo: hash, xywh } = main.dataset;
  const photo = photos.get(hash ?? '');
  const grid = /** @type {HTMLElement | null} */ (main.querySelector('.grid[data-heat]'));
  if (!photo || !grid || grid.querySelector('.acts button')) return;
  // What was neither cut nor turned is searched as it is, and a room's pieces are not asked for again.
  const whole = !main.querySelector('.looked');
  const address = new URL('v1/search', new URL(root, location.href));
  const words = grid.dataset;
  /** @type {Map<string, Found>} */
  const known = new Map();
  /** @type {Map<string, HTMLElement>} */
  const cards = new Map();
  /** @type {Promise<unknown>} */
  let before = Promise.resolve();
  let end = () => {};

  /** @param {string} id @returns {Promise<Found>} asked for together with the other cards', which costs no more */
  async function ask(id) {
    const kept = known.get(id);
    if (kept) return kept;
    let ids = '';
    let limit = 0;
    for (const each of new Set([id, ...cards.keys()])) {
      const more = `${ids && `${ids}, `}'${each.replaceAll("'", "''")}'`;
      if (known.has(each) || (limit && more.length > MOST_CHARACTERS)) continue;
      ids = more;
      limit += 1;
    }
    const form = new FormData();
    const asked = { heat: 'true', where: `id in (${ids})`, limit: String(limit), ...(whole && { whole: 'true' }) };
    for (const [name, value] of Object.entries(asked)) form.set(name, value);
    const [x, y, width, height] = (xywh ?? '').replace('percent:', '').split(',').map((each) => Number(each) / 100);
    if (xywh) form.set('crop', JSON.stringify({ x, y, width, height }));
    form.set('photo', /** @type {Blob} */ (photo), 'photo.jpg');
    const answer = await fetch(address, { method: 'POST', body: form });
    if (!answer.ok) throw new Error(messageOf(await answer.text()));
    const { query, hits } = await answer.json();
    const part = query.crop ?? query.looked_at?.crop ?? { x: 0, y: 0, width: 1, height: 1 };
    for (const { product, heat } of hits) known.set(product.id, { heat, part, turned: query.looked_at?.turned ?? 0 });
    const found = known.get(id);
    if (!found) throw new Error(messageOf('{"error": {}}'));
    return found;
  }

  /** @param {HTMLElement} card @param {string} id @param {HTMLButtonElement} button */
  async function toggle(card, id, button) {
    const shown = card.querySelectorAll('.heat, .heat-told');
    for (const each of shown) each.remove();
    button.ariaPressed = String(!shown.length);
    if (shown.length) return;
    try {
      // The second of two quick clicks has its answer with the first.
      const now = before.then(() => ask(id));
      before = now.catch(() => {});
      const found = await now;
      end();
      if (button.ariaPressed !== 'true' || card.querySelector('.heat-told')) return;
      const flat = found.heat.flat();
      const hottest = Math.max(...flat);
      const told = document.createElement('p');
      told.className = 'small heat-told';
      told.textContent = (hottest ? words.lit : words.even) ?? '';
      let said = told.textContent;
      if (hottest) {
        const image = await createImageBitmap(/** @type {Blob} */ (photo));
        const canvas = lit(image, found);
        image.close();
        const place = flat.indexOf(hottest);
        const side = found.heat.length;
        const middles = { left: (place % side) + 0.5, top: Math.floor(place / side) + 0.5 };
        canvas.ariaLabel = Object.entries(middles).reduce((text, [name, cell]) => text.replace(`{${name}}`, String(Math.round((100 * cell) / side))), words.at ?? '');
        said += ` ${canvas.ariaLabel}`;
        card.querySelector('.plate')?.append(canvas);
      }
      card.querySelector('.told')?.append(told);
      const live = document.getElementById('said');
      if (live) live.textContent = said;
    } catch (error) {
      button.ariaPressed = 'false';
      const { offline = '', unreadable = '' } = document.getElementById('alarm')?.dataset ?? {};
      const refused = error instanceof Error && error.constructor === Error && error.message;
      // Formats that the server reads and the browser does not.
      const retry = () => {
        button.focus();
        if (button.ariaPressed !== 'true') toggle(card, id, button);
      };
      if (card.isConnected) end = warn(refused || (error instanceof DOMException ? unreadable : offline), retry);
    }
  }

  for (const card of /** @type {Iterable<HTMLElement>} */ (grid.children)) {
    const pick = /** @type {HTMLInputElement | null} */ (card.querySelector('.pick input'));
    if (!pick) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = words.heat ?? '';
    button.ariaPressed = 'false';
    button.ariaLabel = `${words.heat}: ${card.querySelector('.name')?.textContent?.slice(0, 80)}`;
    button.addEventListener('click', () => toggle(card, pick.value, button));
    card.querySelector('.acts > a')?.after(button);
    cards.set(pick.value, card);
  }
}

/** The searched part of a photo as it was turned, dark where it is cold. @param {ImageBitmap} image @param {Found} found @returns {HTMLCanvasElement} */
function lit(image, { heat, part, turned }) {
  const [width, height] = [part.width * image.width, part.height * image.height];
  const scale = SIDE_PX / Math.max(width, height);
  const sides = [width * scale, height * scale].map((each) => Math.max(1, Math.round(each)));
  const canvas = document.createElement('canvas');
  canvas.className = 'heat';
  canvas.role = 'img';
  [canvas.width, canvas.height] = turned % 180 ? [sides[1], sides[0]] : sides;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((turned * Math.PI) / 180);
  context.drawImage(image, part.x * image.width, part.y * image.height, width, height, -sides[0] / 2, -sides[1] / 2, sides[0], sides[1]);
  context.resetTransform();
  const veil = document.createElement('canvas');
  veil.width = veil.height = heat.length;
  const shade = new ImageData(heat.length, heat.length);
  heat.flat().forEach((each, cell) => { shade.data[4 * cell + 3] = Math.round(DARK * (1 - each)); });
  veil.getContext('2d')?.putImageData(shade, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(veil, 0, 0, canvas.width, canvas.height);
  return canvas;
}
