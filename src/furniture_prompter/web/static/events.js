// @ts-check
/** Tells the server what is done with hits, where it was told to write that down; see docs/page.md. */

/** @param {string} root way to the server's own root */
export function observe(root) {
  const main = /** @type {HTMLElement} */ (document.getElementById('results'));
  const address = new URL('events', new URL(root, location.href));
  // It is this page's own and is kept nowhere: loaded anew, it is another.
  const session = [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, '0')).join('');

  /** @param {Element} part of a card @param {'click' | 'similar' | 'compare'} action */
  function tell(part, action) {
    const card = part.closest('.grid .card');
    const { query, first } = main.dataset;
    const product = /** @type {HTMLInputElement | null} */ (card?.querySelector('.pick input'))?.value;
    if (!card || !query || !product) return;
    const place = Number(first) + [...(card.parentElement?.children ?? [])].indexOf(card);
    const told = JSON.stringify({ query, session, action, product, place });
    navigator.sendBeacon(address, new Blob([told], { type: 'application/json' }));
  }

  /** @param {MouseEvent} event */
  function opened(event) {
    const link = event.target instanceof Element ? event.target.closest('.card a') : null;
    if (link && event.button < 2) tell(link, link.matches('.name a') ? 'click' : 'similar');
  }

  // Before what the click does: it may take the cards away.
  document.addEventListener('click', opened, true);
  document.addEventListener('auxclick', opened, true);
  document.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement && event.target.matches('.pick input') && event.target.checked) tell(event.target, 'compare');
  });
}
