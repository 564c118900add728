/* Light, dark or as the system has it: chosen before the page is painted, kept in the browser. */
'use strict';

(() => {
  const root = document.documentElement;
  const themes = ['system', 'light', 'dark'];

  function kept() {
    try { return localStorage.getItem('theme') || 'system'; } catch { return 'system'; }
  }

  function apply(theme) {
    root.dataset.theme = themes.includes(theme) ? theme : 'system';
  }

  apply(kept());
  addEventListener('storage', ({key}) => { if (key === 'theme') apply(kept()); });
  addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const label = () => button.setAttribute('aria-label', `Colours: ${root.dataset.theme}`);
    label();
    button.addEventListener('click', () => {
      apply(themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length]);
      try { localStorage.setItem('theme', root.dataset.theme); } catch { /* not kept, then */ }
      label();
    });
  });
})();
