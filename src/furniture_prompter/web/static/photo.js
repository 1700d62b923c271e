// @ts-check
/** A photo that a shopper brings: dropped, pasted, chosen or taken, and made smaller before it travels. */
import { photos, warn } from './travel.js';

const MOST_PX = 1024;
const QUALITY = 0.9;
const LATER_MS = 350;

/**
 * @param {HTMLFormElement} form
 * @param {() => void} search called when the photo, its part or its share has changed
 */
export function bring(form, search) {
  const panel = /** @type {HTMLDetailsElement} */ (document.getElementById('panel'));
  const brought = /** @type {HTMLElement} */ (document.getElementById('brought'));
  const box = /** @type {import('./crop-box.js').CropBox} */ (form.querySelector('crop-box'));
  const weight = /** @type {HTMLInputElement} */ (document.getElementById('weight'));
  const share = /** @type {HTMLOutputElement} */ (form.querySelector('.balance output'));
  const words = /** @type {HTMLInputElement} */ (document.getElementById('q'));
  const unseen = /** @type {HTMLElement} */ (document.getElementById('photo-unseen'));
  const alarm = document.getElementById('alarm');
  /** @type {Blob | undefined} */
  let photo;
  let shown = '';
  let timer = 0;

  function later() {
    clearTimeout(timer);
    timer = window.setTimeout(search, LATER_MS);
  }

  function tell() {
    weight.disabled = brought.hidden || !words.value.trim();
    share.textContent = (weight.dataset.say ?? '').replace('{photo}', weight.value).replace('{words}', String(100 - Number(weight.value)));
  }

  /** @param {Blob | undefined} blob @param {string} part */
  function show(blob, part) {
    photo = blob;
    if (shown) URL.revokeObjectURL(shown);
    shown = blob ? URL.createObjectURL(blob) : '';
    box.show(shown, part);
    brought.hidden = !blob;
    unseen.hidden = true;
    if (blob) panel.open = true;
    tell();
  }

  /** @param {FileList | null | undefined} files */
  async function take(files) {
    const file = [...(files ?? [])].find((each) => each.type.startsWith('image/') || !each.type);
    if (!file) {
      if (files?.length) warn(alarm?.dataset.unreadable ?? '');
      return;
    }
    form.querySelector('input[name=whole]')?.remove();
    show(await smaller(file), '');
    search();
  }

  for (const id of ['file', 'camera']) {
    const input = /** @type {HTMLInputElement} */ (document.getElementById(id));
    input.addEventListener('change', async () => { await take(input.files); input.value = ''; });
  }
  document.addEventListener('paste', (event) => {
    if (event.clipboardData?.files.length) { event.preventDefault(); take(event.clipboardData.files); }
  });
  let over = 0;
  const holds = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragenter', (event) => { if (holds(event)) { over += 1; document.body.classList.add('dropping'); panel.open = true; } });
  addEventListener('dragleave', (event) => { if (holds(event) && --over <= 0) { over = 0; document.body.classList.remove('dropping'); } });
  addEventListener('dragover', (event) => { if (holds(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over = 0;
    document.body.classList.remove('dropping');
    take(event.dataTransfer?.files);
  });
  box.addEventListener('change', later);
  weight.addEventListener('input', tell);
  weight.addEventListener('change', later);
  words.addEventListener('input', tell);
  document.getElementById('photo-remove')?.addEventListener('click', (event) => {
    event.preventDefault();
    show(undefined, '');
    form.querySelector('input[name=photo]')?.remove();
    for (const name of ['xywh', 'whole']) form.querySelector(`input[name=${name}]`)?.remove();
    search();
  });
  // Without scripts a photo that is chosen is not shown either.
  document.getElementById('photo-choose')?.removeAttribute('hidden');
  tell();

  return {
    /** @returns {Blob | undefined} */
    file: () => photo,
    /** The part that is meant, as an address has it; empty for all of it. */
    part: () => box.chosen,
    /** @param {string} hash of the photo of the page that has come @param {string} part */
    arrived(hash, part) {
      const known = photos.get(hash);
      // Without the photo the pieces stay links beside the hits.
      box.offer(known ? document.querySelector('#results .room') : null);
      if (known && known !== photo) show(known, part);
      else if (known) box.chosen = part;
      else if (!hash && photo) show(undefined, '');
      else {
        // The photo of another address is not the one that was brought here.
        if (photo) show(undefined, '');
        brought.hidden = !hash;
        unseen.hidden = !hash || Boolean(known);
        tell();
      }
    },
  };
}

/** A photo whose longer side is at most MOST_PX, as JPEG; as it is where the browser cannot read it. @param {Blob} file @returns {Promise<Blob>} */
export async function smaller(file) {
  try {
    const image = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, MOST_PX / Math.max(image.width, image.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    const context = canvas.getContext('2d');
    if (!context) return file;
    // What is transparent lies on white, as on the server.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), 'image/jpeg', QUALITY));
  } catch (error) {
    // The server reads more kinds, and says what is wrong with what it cannot read.
    return file;
  }
}
