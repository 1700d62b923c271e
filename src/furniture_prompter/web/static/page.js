// @ts-check
/** The page's beginning: everything here makes a page better that works without it. */
import './crop-box.js';
import { go, watch } from './travel.js';
import { compare } from './compare.js';
import { bring } from './photo.js';
import { suggest } from './suggest.js';
import { turn } from './turn.js';
import { observe } from './events.js';

// Browsers that do not know whether scripts run are told; others would only style the page again.
if (!matchMedia('(scripting: enabled)').matches) document.documentElement.classList.add('js');

const search = /** @type {HTMLFormElement} */ (document.getElementById('search'));
const words = /** @type {HTMLInputElement} */ (document.getElementById('q'));
const address = /** @type {HTMLInputElement | null} */ (document.getElementById('address'));
const photo = bring(search, () => submit());

/** Search for what stands in the form, with the photo where there is one. @param {boolean} [byAddress] with the one behind an address */
function submit(byAddress) {
  const asked = new FormData(search);
  asked.delete('file');
  if (byAddress && address?.value.trim()) {
    for (const name of ['photo', 'xywh']) asked.delete(name);
    return go(search.action, { form: asked });
  }
  asked.delete('address');
  const file = photo.file();
  if (file) {
    asked.delete('photo');
    asked.delete('xywh');
    if (photo.part()) asked.set('xywh', photo.part());
    asked.set('file', file, 'photo.jpg');
    return go(search.action, { form: asked, photo: file });
  }
  return go(`${search.action}?${query(asked)}`);
}

/** @param {FormData} data @returns {string} names and values, without those that are empty */
function query(data) {
  const found = new URLSearchParams();
  for (const [name, value] of data) if (typeof value === 'string' && value) found.append(name, value);
  return found.toString();
}

search.addEventListener('submit', (event) => {
  event.preventDefault();
  suggestions.close();
  submit(event.submitter?.hasAttribute('data-address'));
});
address?.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  search.requestSubmit(/** @type {HTMLElement | null} */ (search.querySelector('[data-address]')));
});

document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[data-go]') : null;
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(/** @type {HTMLAnchorElement} */ (link).href, { focus: link.getAttribute('data-key') ?? '' });
});

document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches('form[data-go]')) return;
  event.preventDefault();
  go(`${form.action}?${query(new FormData(form))}`);
});

// Narrow fields have no room for a whole example.
const narrow = matchMedia('(max-width: 46rem)');
const example = words.placeholder;
const shorten = () => { words.placeholder = (narrow.matches && words.dataset.short) || example; };
narrow.addEventListener('change', shorten);
shorten();

// Beside the hits the facets stand open; above them, in narrow windows, a shopper opens them.
const wide = matchMedia('(min-width: 60rem)');
const unfold = () => document.querySelector('.facets')?.toggleAttribute('open', wide.matches);
wide.addEventListener('change', unfold);

const suggestions = suggest(words, document.body.dataset.root ?? './', submit);
watch((main) => {
  if (wide.matches) unfold();
  photo.arrived(main.dataset.photo ?? '', main.dataset.xywh ?? '');
  // Searches without a photo do without it.
  if (main.dataset.photo) import('./heat.js').then(({ explain }) => explain(document.body.dataset.root ?? './', main));
  if (address && main.dataset.photo) address.value = '';
});
turn(document.body.dataset.root ?? './');
observe(document.body.dataset.root ?? './');
compare(/** @type {HTMLFormElement} */ (document.getElementById('compare')));
