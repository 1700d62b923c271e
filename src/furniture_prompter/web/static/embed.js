// @ts-check
/** `<furniture-search>`: the search in a shop's own page, which the server has to name as a CORS origin. */

const FILES = new URL('./', import.meta.url);

export class FurnitureSearch extends HTMLElement {
  /** @type {AbortController | undefined} */
  #asking;
  #shadow = this.attachShadow({ mode: 'open' });

  /** Where the page is: the attribute `catalog`, or where this module came from. */
  get #base() {
    return new URL(this.getAttribute('catalog') || new URL('../../', FILES), document.baseURI);
  }

  connectedCallback() {
    const style = document.createElement('link');
    style.rel = 'stylesheet';
    style.href = new URL('page.css', FILES).href;
    const place = document.createElement('div');
    place.className = 'embedded';
    this.#shadow.replaceChildren(style, place);
    this.#shadow.addEventListener('click', (event) => this.#click(/** @type {MouseEvent} */ (event)));
    this.#shadow.addEventListener('submit', (event) => this.#submit(/** @type {SubmitEvent} */ (event)));
    const asked = new URLSearchParams();
    const language = this.lang || document.documentElement.lang.slice(0, 2);
    if (language) asked.set('lang', language);
    if (this.getAttribute('words')) asked.set('q', this.getAttribute('words') ?? '');
    this.go(`?${asked}`);
  }

  /** Show what is at an address of the page. @param {string} address @param {FormData} [form] sent to it */
  async go(address, form) {
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    const url = new URL(address, this.#base);
    try {
      const answer = await fetch(url, { signal: mine.signal, method: form ? 'POST' : 'GET', body: form, headers: { Accept: 'text/html' }, credentials: 'omit' });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const parts = [page.getElementById('search'), page.getElementById('results')].filter((each) => each !== null);
      if (!parts.length) throw new Error(`${url.origin} answered ${answer.status}`);
      for (const each of page.querySelectorAll('.pick, .skip')) each.remove();
      for (const part of parts) absolute(part, url);
      this.#shadow.querySelector('.embedded')?.replaceChildren(...parts);
      this.#tell('results', { address: url.href, count: page.querySelectorAll('.card').length });
    } catch (error) {
      if (!mine.signal.aborted) this.#tell('problem', { message: String(error) });
    }
  }

  /** @param {string} name @param {Record<string, unknown>} detail @returns {boolean} whether nobody took it over */
  #tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(`furniture-search-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const product = link.href.match(/\/products\/([^/?#]+)/);
    if (product) {
      // The shop's own page of the product is the shop's affair.
      if (!this.#tell('product', { id: decodeURIComponent(product[1]), address: link.href })) event.preventDefault();
      return;
    }
    event.preventDefault();
    this.go(link.href);
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    event.preventDefault();
    const asked = new FormData(form);
    if (event.submitter?.getAttribute('formmethod') === 'post') {
      this.go(form.action, asked);
      return;
    }
    const found = new URLSearchParams();
    for (const [name, value] of asked) if (typeof value === 'string' && value) found.append(name, value);
    this.go(`${form.action}?${found}`);
  }
}

/** Let relative addresses lead to where the page came from. @param {Element} part @param {URL} base */
function absolute(part, base) {
  for (const each of [part, ...part.querySelectorAll('[href], [src], [srcset], [action]')]) {
    for (const name of ['href', 'src', 'action']) {
      const value = each.getAttribute(name);
      if (value !== null) each.setAttribute(name, new URL(value, base).href);
    }
    const sizes = each.getAttribute('srcset');
    if (sizes) each.setAttribute('srcset', sizes.split(', ').map((size) => { const [address, of] = size.split(' '); return `${new URL(address, base).href} ${of}`; }).join(', '));
  }
}

customElements.define('furniture-search', FurnitureSearch);
