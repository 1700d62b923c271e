// @ts-check
/** The forms on /docs: a call is sent as it is filled in, and its answer shown. Keys stay in memory. */

const MOST_CHARACTERS = 200_000;

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */

/** Says which field cannot be read, and moves there. */
class Unreadable extends Error {
  /** @param {Field} field @param {string} message */
  constructor(field, message) { super(message); this.field = field; }
}

/**
 * What a field says as JSON has it; undefined where it is left out.
 * @param {Field} field
 */
function valueOf(field) {
  const text = field.value.trim();
  if (!text) return undefined;
  switch (field.dataset.kind) {
    case 'number': return Number(text);
    case 'list': return text.split(',').map((each) => each.trim()).filter(Boolean);
    case 'choice': return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'json':
      try { return JSON.parse(text); } catch { throw new Unreadable(field, 'This is no JSON. A text needs quotation marks: "oak table".'); }
    default: return field.value;
  }
}

/**
 * @param {HTMLFieldSetElement} body
 * @returns {{ body: BodyInit, type?: string }}
 */
function bodyOf(body) {
  const fields = /** @type {Field[]} */ ([...body.querySelectorAll('[data-kind]')]);
  const kind = body.dataset.body ?? '';
  if (kind === 'multipart/form-data') {
    const form = new FormData();
    for (const field of fields) {
      if (field instanceof HTMLInputElement && field.type === 'file') for (const file of field.files ?? []) form.append(field.name, file);
      else if (field.value.trim()) form.append(field.name, field.value);
    }
    return { body: form };
  }
  if (kind !== 'application/json') return { body: fields[0].value, type: kind };
  /** @type {Record<string, unknown>} */
  const value = {};
  for (const field of fields) {
    const said = valueOf(field);
    if (said === undefined) continue;
    if (field.name === '…') Object.assign(value, said);
    else value[field.name] = said;
  }
  return { body: JSON.stringify(value), type: kind };
}

/** @param {HTMLFormElement} form @returns {Request} */
function requestOf(form) {
  let path = form.dataset.path ?? '';
  const query = new URLSearchParams();
  for (const field of /** @type {NodeListOf<Field>} */ (form.querySelectorAll('[data-in]'))) {
    if (field.dataset.in === 'path') path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else for (const each of [valueOf(field) ?? []].flat()) query.append(field.name, String(each));
  }
  const address = new URL(path, document.baseURI);
  address.search = query.toString();
  const headers = new Headers();
  const key = /** @type {HTMLInputElement | null} */ (form.querySelector('.key'));
  if (key) headers.set('X-API-Key', key.value.trim());
  const part = /** @type {HTMLFieldSetElement | null} */ (form.querySelector('fieldset:not([hidden])'));
  const sent = part ? bodyOf(part) : undefined;
  if (sent?.type) headers.set('Content-Type', sent.type);
  return new Request(address, { method: form.dataset.method, headers, body: sent?.body, cache: 'no-store' });
}

/** @type {WeakMap<HTMLFormElement, AbortController>} */
const asking = new WeakMap();

/** @param {HTMLFormElement} form */
async function send(form) {
  const status = /** @type {HTMLElement} */ (form.querySelector('[role=status]'));
  const shown = /** @type {HTMLPreElement} */ (form.querySelector('pre'));
  const picture = /** @type {HTMLImageElement} */ (form.querySelector('img'));
  asking.get(form)?.abort();
  const mine = new AbortController();
  asking.set(form, mine);
  shown.hidden = picture.hidden = true;
  URL.revokeObjectURL(picture.src);
  try {
    const request = requestOf(form);
    status.textContent = 'Sent…';
    const began = performance.now();
    const answer = await fetch(request, { signal: mine.signal });
    const data = await answer.blob();
    const text = data.type.startsWith('image/') ? '' : await data.text();
    if (mine.signal.aborted) return;
    const kind = (answer.headers.get('content-type') ?? '').split(';')[0];
    const size = `${data.size.toLocaleString('en')} bytes${kind ? ` of ${kind}` : ''}`;
    status.textContent = `${answer.status} ${answer.statusText} in ${Math.round(performance.now() - began)} ms, ${size}`;
    if (text) {
      const pretty = kind === 'application/json' ? JSON.stringify(JSON.parse(text), null, 2) : text;
      shown.textContent = pretty.length > MOST_CHARACTERS ? `${pretty.slice(0, MOST_CHARACTERS)}\n… cut here` : pretty;
      shown.hidden = false;
    } else if (data.size) {
      picture.src = URL.createObjectURL(data);
      picture.hidden = false;
    }
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error instanceof Unreadable) {
      status.textContent = `${error.field.name}: ${error.message}`;
      error.field.focus();
    } else status.textContent = 'The server cannot be reached.';
  }
}

document.addEventListener('submit', (event) => {
  event.preventDefault();
  send(/** @type {HTMLFormElement} */ (event.target));
});

document.addEventListener('input', (event) => {
  const field = event.target;
  // A key that was typed once holds for all calls of this page, until it is left.
  if (field instanceof HTMLInputElement && field.matches('.key')) {
    for (const each of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('.key'))) each.value = field.value;
  }
});

document.addEventListener('change', (event) => {
  const chosen = event.target;
  if (!(chosen instanceof HTMLSelectElement) || !('bodies' in chosen.dataset)) return;
  for (const part of /** @type {NodeListOf<HTMLFieldSetElement>} */ (chosen.form?.querySelectorAll('fieldset') ?? [])) {
    part.hidden = part.disabled = part.dataset.body !== chosen.value;
  }
});
