(() => {
"use strict";
// The report's page: reads the data block, formats its figures and draws its charts. It works out no figure of its
// own, and every text of the data reaches the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const drawn = [];

