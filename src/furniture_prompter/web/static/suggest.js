// @ts-check
/** Suggestions while typing: the combobox pattern of WAI-ARIA, with a list that only suggests. */

const WAIT_MS = 120;

/**
 * @param {HTMLInputElement} field
 * @param {string} root where the server is, relative to the page
 * @param {() => void} search called when one was chosen
 */
export function suggest(field, root, search) {
  const list = document.createElement('ul');
  list.className = 'options';
  list.id = 'options';
  list.hidden = true;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', field.labels?.[0]?.textContent ?? '');
  field.parentElement?.append(list);
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-expanded': 'false' })) field.setAttribute(name, value);
  /** @type {AbortController | undefined} */
  let asking;
  let timer = 0;
  let at = -1;

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    at = -1;
    field.setAttribute('aria-expanded', 'false');
    field.removeAttribute('aria-activedescendant');
  }

  /** @param {number} place */
  function mark(place) {
    const all = /** @type {HTMLLIElement[]} */ ([...list.children]);
    at = (place + all.length + 1) % (all.length + 1);
    all.forEach((each, number) => each.setAttribute('aria-selected', String(number === at)));
    if (at < all.length) field.setAttribute('aria-activedescendant', all[at].id);
    else field.removeAttribute('aria-activedescendant');
  }

  /** @param {number} place */
  function take(place) {
    const option = /** @type {HTMLLIElement} */ (list.children[place]);
    field.value = option.dataset.text ?? '';
    close();
    search();
  }

  /** What narrows, in the page's language. @param {string} text as the API says it: "under 100 cm", "white" */
  function worded(text) {
    if (text.startsWith('under ')) return (field.dataset.under ?? '').replace('{number}', text.slice(6));
    const named = JSON.parse(field.dataset.named ?? '{}');
    return Object.hasOwn(named, text) ? named[text] : text;
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const typed = field.value;
    try {
      const answer = await fetch(`${root}v1/suggest?${new URLSearchParams({ q: typed, limit: '6' })}`, { signal: asking.signal });
      if (!answer.ok) return close();
      const found = await answer.json();
      if (typed !== field.value || document.activeElement !== field) return;
      const said = typed.trim().toLowerCase();
      /** @type {{text: string, count: number}[]} */
      const further = found.refinements.map((/** @type {{text: string, count: number}} */ each) => ({ text: `${typed.trim()} ${worded(each.text)}`, count: each.count }));
      const all = [...found.completions.filter((/** @type {{text: string}} */ each) => each.text !== said), ...further].slice(0, 8);
      list.replaceChildren(...all.map((each, number) => {
        const option = document.createElement('li');
        option.id = `option-${number}`;
        option.setAttribute('role', 'option');
        option.setAttribute('aria-selected', 'false');
        option.dataset.text = each.text;
        const text = document.createElement('span');
        text.dir = 'auto';
        text.textContent = each.text;
        const count = document.createElement('span');
        count.className = 'number';
        count.textContent = String(each.count);
        option.append(text, count);
        return option;
      }));
      at = all.length;
      list.hidden = !all.length;
      field.setAttribute('aria-expanded', String(Boolean(all.length)));
    } catch (error) {
      // What was given up, or the network: a list that does not come is no reason to say anything.
    }
  }

  field.addEventListener('input', () => {
    clearTimeout(timer);
    asking?.abort();
    if (field.value.trim()) timer = window.setTimeout(ask, WAIT_MS);
    else close();
  });
  field.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    const count = list.children.length;
    if (event.key === 'Escape' && !list.hidden) { event.preventDefault(); close(); }
    else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && list.hidden && count) { list.hidden = false; field.setAttribute('aria-expanded', 'true'); event.preventDefault(); mark(event.key === 'ArrowDown' ? 0 : count - 1); }
    else if (event.key === 'ArrowDown' && !list.hidden) { event.preventDefault(); mark(at + 1); }
    else if (event.key === 'ArrowUp' && !list.hidden) { event.preventDefault(); mark(at - 1); }
    else if (event.key === 'Enter' && !list.hidden && at >= 0 && at < count) { event.preventDefault(); take(at); }
  });
  field.addEventListener('blur', close);
  // Before the field loses the focus to it.
  list.addEventListener('pointerdown', (event) => event.preventDefault());
  list.addEventListener('click', (event) => {
    const option = event.target instanceof Element ? event.target.closest('li') : null;
    if (option) take([...list.children].indexOf(option));
  });
  return { close };
}
