"use strict";
(() => {
  const box = document.getElementById("filter");
  if (!box) return;
  const told = document.getElementById("matches");
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
  const sheets = Array.from(document.querySelectorAll(".sheet"), (sheet) => {
    const label = sheet.querySelector("h3 bdi").textContent;
    const figures = Array.from(sheet.querySelectorAll("figure"), (figure) => ({
      figure,
      text: plain(`${label} ${figure.textContent}`).replace(/\s+/g, " "),
    }));
    return { sheet, figures };
  });
  const links = document.querySelectorAll(".labels li");
  const filter = () => {
    const words = plain(box.value).split(/\s+/).filter(Boolean);
    let all = 0;
    let shown = 0;
    sheets.forEach(({ sheet, figures }, at) => {
      let here = 0;
      for (const { figure, text } of figures) {
        figure.hidden = !words.every((word) => text.includes(word));
        here += !figure.hidden;
      }
      all += figures.length;
      shown += here;
      sheet.hidden = here === 0;
      links[at].hidden = here === 0;
    });
    told.textContent = words.length ? `${shown} of ${all} covers match` : `${all} covers`;
  };
  box.addEventListener("input", filter);
  document.getElementById("filter-box").hidden = false;
  filter(); // a browser that goes back fills the box by itself
})();
