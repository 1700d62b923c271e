// @ts-check
/** `<crop-box>`: the part of a photo that is meant, by mouse, touch, keys, or buttons (WCAG 2.2, 2.5.7). */

const STEP = 5;
const LEAST = 10;
/** @typedef {{x: number, y: number, w: number, h: number}} Box in percent of the photo */
/** @type {Box} */
const WHOLE = { x: 0, y: 0, w: 100, h: 100 };
/** Left, right, up, down, narrower, wider, flatter, taller. @type {Box[]} */
const MOVES = [
  { x: -STEP, y: 0, w: 0, h: 0 }, { x: STEP, y: 0, w: 0, h: 0 }, { x: 0, y: -STEP, w: 0, h: 0 }, { x: 0, y: STEP, w: 0, h: 0 },
  { x: 0, y: 0, w: -STEP, h: 0 }, { x: 0, y: 0, w: STEP, h: 0 }, { x: 0, y: 0, w: 0, h: -STEP }, { x: 0, y: 0, w: 0, h: STEP },
];
const KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];

export class CropBox extends HTMLElement {
  /** @type {Box} */
  #box = { ...WHOLE };
  #image = document.createElement('img');
  #area = document.createElement('div');
  #said = document.createElement('output');
  #stage = document.createElement('div');

  connectedCallback() {
    if (this.childElementCount) return;
    this.#stage.className = 'crop-stage';
    const frame = document.createElement('div');
    frame.className = 'crop-frame';
    this.#image.alt = '';
    this.#image.draggable = false;
    this.#area.className = 'crop-area';
    this.#area.tabIndex = 0;
    this.#area.setAttribute('role', 'group');
    this.#area.setAttribute('aria-label', this.dataset.label ?? '');
    this.#area.append(...['nw', 'ne', 'sw', 'se'].map((corner) => {
      const grip = document.createElement('span');
      grip.className = `crop-grip crop-${corner}`;
      grip.dataset.corner = corner;
      return grip;
    }));
    frame.append(this.#area);
    this.#stage.append(this.#image, frame);
    this.#said.className = 'small';
    const moves = document.createElement('div');
    moves.className = 'crop-moves';
    const names = (this.dataset.moves ?? '').split('|');
    moves.append(...names.map((name, number) => this.#button(name, () => this.move(MOVES[number]))), this.#button(this.dataset.whole ?? '', () => this.#set({ ...WHOLE }, true)));
    const side = document.createElement('details');
    side.className = 'crop-side';
    const title = document.createElement('summary');
    title.textContent = this.dataset.title ?? '';
    side.append(title, this.#said, moves);
    this.append(this.#stage, side);
    this.#area.addEventListener('keydown', (event) => this.#key(event));
    frame.addEventListener('pointerdown', (event) => this.#drag(event, frame));
    this.#set({ ...WHOLE }, false);
  }

  /** Show a photo; an empty address shows none. @param {string} address @param {string} part */
  show(address, part) {
    this.hidden = !address;
    if (address) this.#image.src = address;
    else this.#image.removeAttribute('src');
    this.chosen = part;
  }

  /**
   * Boxes of a room's pieces on the photo, to choose one of instead of drawing it; none without a room.
   * @param {HTMLElement | null} room of the page's: a sentence, and a list of links that know their box
   */
  offer(room) {
    for (const each of this.querySelectorAll('.room, .boxes')) each.remove();
    this.classList.toggle('has-pieces', Boolean(room));
    if (!room) return;
    const links = /** @type {HTMLElement[]} */ ([...room.querySelectorAll('[data-box]')]);
    const boxes = links.map((link) => (link.dataset.box ?? '').split(',').map(Number));
    // What lies within another piece is above it.
    const places = boxes.map(([, , w, h]) => boxes.filter((other) => other[2] * other[3] > w * h).length + 1);
    links.forEach((link, number) => {
      const [x, y, w, h] = boxes[number];
      const place = { left: `${x}%`, top: `${y}%`, width: `${w}%`, height: `${h}%` };
      Object.assign(link.style, place, { zIndex: String(places[number]) });
      link.classList.remove('chip');
      const edge = document.createElement('span');
      edge.className = 'edge';
      Object.assign(edge.style, place);
      link.after(edge);
    });
    room.querySelector('ul')?.classList.replace('chips', 'boxes');
    this.#stage.after(room);
    this.#stage.append(...room.querySelectorAll('ul'));
  }

  /** As an address has it: `percent:x,y,width,height`; empty for the whole photo. */
  get chosen() {
    const { x, y, w, h } = this.#box;
    return w === 100 && h === 100 ? '' : `percent:${[x, y, w, h].map((each) => Number(each.toFixed(2))).join(',')}`;
  }

  set chosen(text) {
    const [x, y, w, h] = text.replace('percent:', '').split(',').map(Number);
    this.#set(text && [x, y, w, h].every(Number.isFinite) ? { x, y, w, h } : { ...WHOLE }, false);
  }

  /** @param {Box} by */
  move(by) {
    const { x, y, w, h } = this.#box;
    this.#set({ x: x + by.x, y: y + by.y, w: w + by.w, h: h + by.h }, true);
  }

  /** @param {string} name @param {() => void} act */
  #button(name, act) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button small';
    button.textContent = name;
    button.addEventListener('click', act);
    return button;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const place = KEYS.indexOf(event.key);
    if (place < 0 || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    this.move(MOVES[event.shiftKey ? 4 + place : place]);
  }

  /** @param {PointerEvent} event @param {HTMLElement} frame */
  #drag(event, frame) {
    if (event.button) return;
    const size = frame.getBoundingClientRect();
    const start = { ...this.#box };
    const grip = event.target instanceof HTMLElement ? event.target.dataset.corner : undefined;
    const inside = event.target === this.#area || grip;
    const share = (/** @type {PointerEvent} */ at) => ({ x: (100 * (at.clientX - size.left)) / size.width, y: (100 * (at.clientY - size.top)) / size.height });
    const from = share(event);
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.#area.focus({ preventScroll: true });
    const moved = (/** @type {PointerEvent} */ at) => {
      const now = share(at);
      const dx = now.x - from.x;
      const dy = now.y - from.y;
      const whole = start.w === 100 && start.h === 100;
      if (grip) {
        const west = grip.includes('w');
        const north = grip.includes('n');
        const w = Math.max(LEAST, start.w + (west ? -dx : dx));
        const h = Math.max(LEAST, start.h + (north ? -dy : dy));
        this.#set({ x: west ? start.x + start.w - w : start.x, y: north ? start.y + start.h - h : start.y, w, h }, false);
      } else if (inside && !whole) this.#set({ ...start, x: start.x + dx, y: start.y + dy }, false);
      else this.#set({ x: Math.min(from.x, now.x), y: Math.min(from.y, now.y), w: Math.abs(dx), h: Math.abs(dy) }, false);
    };
    const done = () => {
      frame.removeEventListener('pointermove', moved);
      if (JSON.stringify(start) !== JSON.stringify(this.#box)) this.dispatchEvent(new Event('change'));
    };
    frame.addEventListener('pointermove', moved);
    frame.addEventListener('lostpointercapture', done, { once: true });
  }

  /** @param {Box} box @param {boolean} tells */
  #set(box, tells) {
    const within = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) => Math.min(most, Math.max(least, value));
    const before = this.chosen;
    const w = within(box.w, LEAST, 100);
    const h = within(box.h, LEAST, 100);
    this.#box = { x: within(box.x, 0, 100 - w), y: within(box.y, 0, 100 - h), w, h };
    const { x, y } = this.#box;
    Object.assign(this.#area.style, { left: `${x}%`, top: `${y}%`, width: `${w}%`, height: `${h}%` });
    const values = { left: x, top: y, width: w, height: h };
    this.#said.textContent = Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, String(Math.round(value))), this.dataset.say ?? '');
    if (tells && before !== this.chosen) this.dispatchEvent(new Event('change'));
  }
}

customElements.define('crop-box', CropBox);
