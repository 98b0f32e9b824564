// The page works without this: it only saves loads, disables buttons, copies the key and takes it away in time.
(() => {
  'use strict';
  const DELAY = 250; // milliseconds before a wait is announced
  const main = () => document.querySelector('main');
  const key = () => document.getElementById('key');
  let isUnsaved = false;

  // The parsed document, or null if there was no page. Parsing by XMLHttpRequest runs no script, and
  // needs no Trusted Types policy.
  const load = (method, address, body) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = 'document';
    request.setRequestHeader('Accept', 'text/html');
    if (body) request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    request.onload = () => resolve(request.response);
    request.onerror = request.onabort = request.ontimeout = () => resolve(null);
    request.send(body);
  });

  const closeDialogs = () => document.querySelectorAll('dialog').forEach((dialog) => dialog.remove());

  const show = (page, focus) => {
    closeDialogs();
    forget();
    document.title = page.title;
    main().replaceWith(document.adoptNode(page.querySelector('main')));
    prepare();
    const target = main().querySelector('[data-focus]') || main().querySelector(focus || 'h2[tabindex]');
    if (target) target.focus();
  };

  const forget = () => {
    isUnsaved = false;
    if (key()) key().textContent = '';
  };

  const prepare = () => {
    const button = main().querySelector('[data-copy]');
    if (!button || !key() || !key().textContent) return;
    button.hidden = false;
    isUnsaved = true;
  };

  const ask = async (link) => {
    if (main().ariaBusy === 'true') return;
    main().ariaBusy = 'true';
    const page = await load('GET', link.href);
    main().removeAttribute('aria-busy');
    if (!page || !page.querySelector('main')) return location.assign(link.href);
    const question = page.querySelector('[data-question-card]');
    if (!question) return show(page);
    const dialog = document.createElement('dialog');
    dialog.setAttribute('aria-labelledby', 'question');
    dialog.append(document.adoptNode(question));
    dialog.addEventListener('cancel', (event) => { if (dialog.ariaBusy === 'true') event.preventDefault(); });
    dialog.addEventListener('close', () => { dialog.remove(); link.focus(); });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector('[data-cancel]').focus();
  };

  const say = (form, text, kind, role) => {
    const line = document.createElement('p');
    line.className = kind;
    line.setAttribute('role', role);
    form.append(line);
    line.textContent = text;
    return line;
  };

  const submit = async (form) => {
    const frame = form.closest('dialog') || main();
    if (frame.ariaBusy === 'true') return;
    frame.ariaBusy = 'true';
    form.querySelectorAll('.working, .failed').forEach((line) => line.remove());
    const buttons = form.querySelectorAll('button');
    const body = new URLSearchParams(new FormData(form)).toString();
    buttons.forEach((button) => { button.disabled = true; });
    const timer = setTimeout(() => say(form, form.dataset.working, 'working', 'status'), DELAY);
    const page = await load('POST', form.action, body);
    clearTimeout(timer);
    if (page && page.querySelector('main')) return show(page);
    frame.removeAttribute('aria-busy');
    form.querySelectorAll('.working').forEach((line) => line.remove());
    buttons.forEach((button) => { button.disabled = false; });
    say(form, form.dataset.failed, 'note bad failed', 'alert');
  };

  const copy = async (button) => {
    const live = main().querySelector('[data-live]');
    live.textContent = '';
    try {
      await navigator.clipboard.writeText(key().textContent);
      live.textContent = button.dataset.copied;
    } catch { // not possible over plain HTTP, or not allowed
      getSelection().selectAllChildren(key());
      key().focus();
      const isMac = /Mac|iP/.test(navigator.platform);
      live.textContent = isMac ? button.dataset.pressMac : button.dataset.press;
      return;
    }
    isUnsaved = false;
  };

  const finish = async (link) => {
    forget();
    const page = await load('GET', link.href);
    if (page && page.querySelector('main')) show(page, '#key-heading'); else location.assign(link.href);
  };

  document.addEventListener('click', (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const target = event.target.closest('[data-question], [data-cancel], [data-copy], [data-done]');
    if (!target) return;
    const data = target.dataset;
    const dialog = target.closest('dialog');
    if ('cancel' in data && !dialog) return;
    event.preventDefault();
    if ('cancel' in data) { if (dialog.ariaBusy !== 'true') dialog.close(); }
    if ('question' in data) ask(target);
    if ('copy' in data) copy(target);
    if ('done' in data) finish(target);
  });

  document.addEventListener('submit', (event) => {
    event.preventDefault();
    submit(event.target);
  });

  document.addEventListener('copy', () => {
    if (key() && getSelection().containsNode(key(), true)) isUnsaved = false;
  });

  addEventListener('beforeunload', (event) => { if (isUnsaved) event.preventDefault(); });
  addEventListener('pagehide', forget);
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
  prepare();
})();
