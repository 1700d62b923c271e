// @ts-check
/** Shows a report in a frame whose policy lets it have styles and pictures of its own, and run nothing. */

addEventListener('message', (event) => {
  if (event.origin !== location.origin || event.source !== parent || typeof event.data !== 'string') return;
  const page = new DOMParser().parseFromString(event.data, 'text/html');
  document.title = page.title;
  document.head.append(...page.querySelectorAll('head style'));
  document.body.replaceChildren(...page.body.childNodes);
});
parent.postMessage('ready', location.origin);
