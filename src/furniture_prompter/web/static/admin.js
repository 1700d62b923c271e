// @ts-check
/** The shop's side: asks the server for each part with the key, which stays in this module's memory. */

const main = /** @type {HTMLElement} */ (document.querySelector('main'));
const opened = /** @type {HTMLElement} */ (document.getElementById('opened'));
const warned = /** @type {HTMLElement} */ (document.getElementById('warned'));
const form = /** @type {HTMLFormElement} */ (document.getElementById('key-form'));
const field = /** @type {HTMLInputElement} */ (document.getElementById('key'));
const ask = /** @type {HTMLDialogElement} */ (document.getElementById('ask'));
const AGAIN_MS = 700;
const LATER_MS = 3_000;
let key = '';

/** @param {string} text */
function warn(text) {
  warned.textContent = text;
  warned.hidden = !text;
}

/**
 * A part of the page as the server writes it; undefined where it was refused, which is told.
 * @param {string} path
 * @param {object} [sent] posted as JSON, or as the form that it is
 * @returns {Promise<string | undefined>}
 */
async function part(path, sent) {
  try {
    const answer = await fetch(new URL(`admin/${path}`, document.baseURI), {
      method: sent ? 'POST' : 'GET',
      headers: { 'X-API-Key': key, 'Accept-Language': main.dataset.lang ?? 'en', ...(sent && !(sent instanceof FormData) && { 'Content-Type': 'application/json' }) },
      body: sent instanceof FormData ? sent : sent && JSON.stringify(sent),
      cache: 'no-store',
    });
    const text = await answer.text();
    if (answer.ok) return text;
    // Whoever was let in once is refused for another reason.
    if (answer.status === 401 || (answer.status === 403 && opened.hidden)) warn(main.dataset.refused ?? '');
    else warn(`${main.dataset.failed} ${JSON.parse(text).error.message}`);
  } catch {
    warn(main.dataset.offline ?? '');
  }
  return undefined;
}

/** @param {Element | null} place @param {string} html of this server, where every value is escaped */
function put(place, html) {
  place?.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes);
}

/** @param {string} name @param {object} [sent] @returns {Promise<boolean>} whether it came */
async function show(name, sent) {
  const text = await part(name, sent);
  if (text === undefined) return false;
  put(document.querySelector(`[data-shows="${name}"]`), text);
  if (name === 'health' && document.querySelector('[data-running]')) setTimeout(() => { if (key) show('health'); }, AGAIN_MS);
  return true;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  warn('');
  key = field.value.trim();
  if (!(await show('versions'))) { key = ''; field.select(); return; }
  field.value = '';
  form.hidden = true;
  opened.hidden = false;
  document.getElementById('versions')?.focus();
  follow();
  for (const name of ['set-aside', 'health', 'encoders', 'demand', 'judge']) await show(name);
});

/** Listen where a run stands, for as long as the key is here; what it has changed is shown when it ends. */
async function follow() {
  let runs = false;
  while (key) {
    try {
      const answer = await fetch(new URL('admin/progress', document.baseURI), { headers: { 'X-API-Key': key, 'Accept-Language': main.dataset.lang ?? 'en' }, cache: 'no-store' });
      const reader = answer.ok ? answer.body?.pipeThrough(new TextDecoderStream()).getReader() : undefined;
      if (!reader) throw new Error(answer.statusText);
      let text = '';
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        text += read.value;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const lines = event.split('\n');
          put(document.querySelector('[data-shows="progress"]'), lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n'));
          const now = lines.includes('event: run');
          if (runs && !now) ended();
          runs = now;
        }
      }
    } catch {
      // The server may be starting again; what else is asked of it tells.
      await new Promise((done) => setTimeout(done, LATER_MS));
    }
  }
}

async function ended() {
  const said = document.getElementById('run-ended');
  if (said) said.textContent = said.dataset.ended ?? '';
  for (const name of ['versions', 'set-aside']) await show(name);
}

const frame = /** @type {HTMLIFrameElement | null} */ (document.getElementById('report-frame'));
document.getElementById('report-show')?.addEventListener('click', async () => {
  warn('');
  const text = await part('report');
  if (text === undefined || !frame) return;
  addEventListener('message', (event) => {
    if (event.origin === location.origin && event.source === frame.contentWindow) frame.contentWindow?.postMessage(text, location.origin);
  }, { once: true });
  frame.src = frame.dataset.src ?? '';
  frame.hidden = false;
});

document.getElementById('forget')?.addEventListener('click', () => { key = ''; location.reload(); });

document.addEventListener('submit', async (event) => {
  const sent = /** @type {HTMLFormElement} */ (event.target);
  if (sent.matches('[data-examine]')) {
    event.preventDefault();
    await show('health', {});
  } else if (sent.matches('[data-judge]')) {
    event.preventDefault();
    await compareAnswers(sent);
  } else if (sent.matches('[data-compare]')) {
    event.preventDefault();
    warn('');
    const asked = new URLSearchParams(/** @type {any} */ (new FormData(sent)));
    const place = document.getElementById('difference');
    put(place, main.dataset.loading ?? '');
    put(place, (await part(`diff?${asked}`)) ?? '');
  }
});

/** Show two answers, in an order by chance: which is which is not to sway whoever judges. @param {HTMLFormElement} form */
async function compareAnswers(form) {
  const asked = new FormData(form);
  for (const box of form.querySelectorAll('[data-side]')) if (box instanceof HTMLInputElement) asked.set(box.dataset.side ?? '', String(box.checked));
  const file = asked.get('file');
  if (file instanceof File && !file.size) asked.delete('file');
  warn('');
  const place = document.getElementById('judge-answers');
  put(place, main.dataset.loading ?? '');
  put(place, (await part('judge/answers', asked)) ?? '');
  const sides = [...(place?.querySelectorAll('.judge-side') ?? [])];
  if (sides.length && Math.random() < 0.5) sides[0].before(sides[1]);
  place?.querySelectorAll('.judge-side').forEach((side, number) => side.setAttribute('aria-label', `${side.getAttribute('aria-label')} ${number + 1}`));
  for (const image of place?.querySelectorAll('img[data-photo]') ?? []) if (image instanceof HTMLImageElement) fill(image);
}

/** A photo that asks for the key, which no address of a picture can have. @param {HTMLImageElement} image */
async function fill(image) {
  try {
    const answer = await fetch(new URL(image.dataset.photo ?? '', document.baseURI), { headers: { 'X-API-Key': key } });
    if (!answer.ok) return;
    image.src = URL.createObjectURL(await answer.blob());
    await image.decode();
    URL.revokeObjectURL(image.src);
  } catch { /* a photo that is gone leaves its place empty */ }
}

/** @param {HTMLElement} button */
async function judged(button) {
  const place = document.getElementById('judge-answers');
  const told = JSON.parse(place?.querySelector('[data-told]')?.getAttribute('data-told') ?? '{}');
  const better = button.dataset.better || button.closest('.judge-side')?.getAttribute('data-name');
  const kept = await part('judge', { ...told, better });
  if (kept === undefined) return;
  const said = document.getElementById('judged');
  put(said, kept);
  for (const name of ['count', 'tally']) {
    const above = document.getElementById(`judged-${name}`);
    if (above) above.textContent = said?.querySelector(`[data-${name}]`)?.textContent ?? '';
  }
  put(place, '');
  nextQuery();
}

/** The next words that visitors asked, where they are written down. */
function nextQuery() {
  const field = /** @type {HTMLInputElement | null} */ (document.getElementById('judge-words'));
  const asked = [...document.querySelectorAll('#judge-asked option')].map((each) => each.getAttribute('value') ?? '');
  if (field && asked.length) field.value = asked[(asked.indexOf(field.value) + 1) % asked.length];
  field?.focus();
}

/** Ask before a version is returned to, and show what would change. @param {string} version @param {string} current */
async function askFor(version, current) {
  for (const name of ['title', 'text']) {
    const place = /** @type {HTMLElement} */ (document.getElementById(`ask-${name}`));
    place.textContent = (ask.dataset[name] ?? '').replace('{version}', version);
  }
  warn('');
  const place = document.getElementById('ask-difference');
  put(place, main.dataset.loading ?? '');
  ask.returnValue = '';
  ask.dataset.version = version;
  ask.showModal();
  const text = await part(`diff?before=${current}&after=${version}`);
  if (text === undefined) ask.close();
  else put(place, text);
}

ask?.addEventListener('close', async () => {
  if (ask.returnValue !== 'yes') return;
  const told = await part('rollback', { version: Number(ask.dataset.version) });
  if (told === undefined) return;
  put(document.getElementById('returned'), told);
  put(document.getElementById('difference'), '');
  await show('versions');
  await show('health');
  document.getElementById('versions')?.focus();
});

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-return]') : null;
  const better = event.target instanceof Element ? event.target.closest('[data-better]') : null;
  if (better instanceof HTMLElement) judged(better);
  if (event.target instanceof Element && event.target.closest('[data-next]')) nextQuery();
  if (button instanceof HTMLElement) askFor(button.dataset.return ?? '', button.dataset.current ?? '');
});
