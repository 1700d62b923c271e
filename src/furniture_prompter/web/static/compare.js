// @ts-check
/** The tray of products to compare; it remembers them in this tab from one page to the next. */

const KEPT = 'furniture-prompter.compare';

/** @param {HTMLFormElement} tray */
export function compare(tray) {
  const most = Number(tray.dataset.most);
  /** @type {Set<string>} */
  const chosen = new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? '[]'));
  const said = /** @type {HTMLOutputElement} */ (tray.querySelector('output'));
  const boxes = () => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[type=checkbox][form=compare]')]);

  function tell() {
    const full = chosen.size >= most;
    for (const box of boxes()) {
      box.checked = chosen.has(box.value);
      box.disabled = full && !box.checked;
    }
    const shown = new Set(boxes().map((box) => box.value));
    for (const each of tray.querySelectorAll('input[name=id]')) each.remove();
    // Those of other pages have no box here that the form would send.
    for (const id of chosen) {
      if (shown.has(id)) continue;
      const kept = document.createElement('input');
      kept.type = 'hidden';
      kept.name = 'id';
      kept.value = id;
      tray.append(kept);
    }
    tray.classList.toggle('has', chosen.size > 0);
    const count = (tray.dataset.say ?? '').replace('{count}', String(chosen.size)).replace('{most}', String(most));
    said.textContent = full ? `${count}. ${tray.dataset.full}` : count;
    sessionStorage.setItem(KEPT, JSON.stringify([...chosen]));
  }

  document.addEventListener('change', (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.matches('[form=compare]')) return;
    if (box.checked) chosen.add(box.value);
    else chosen.delete(box.value);
    tell();
  });
  tray.addEventListener('reset', () => { chosen.clear(); tell(); });
  new MutationObserver(tell).observe(/** @type {HTMLElement} */ (document.getElementById('results')), { childList: true });
  tell();
}
