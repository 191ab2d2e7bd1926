/* Small helps of the API access pages. Every page works without them. */
"use strict";

(function () {
  /* A key pasted into the search goes to the server in the body of a POST, so that it is in no address and no log. */
  const LOOKS_LIKE_A_KEY = /(^|[^0-9A-Za-z])[a-z][a-z0-9]{0,15}_[0-9A-Za-z]{12}_[0-9A-Za-z]+|[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}|[A-Za-z0-9]{40}/;

  function guardSearch() {
    const form = document.getElementById("changelist-search");
    const field = document.getElementById("searchbar");
    const token = document.querySelector("#changelist-form input[name=csrfmiddlewaretoken]");
    if (!form || !field || !token || !document.body.classList.contains("model-apikey")) {
      return;
    }
    form.addEventListener("submit", function () {
      if (!LOOKS_LIKE_A_KEY.test(field.value)) {
        return;
      }
      form.method = "post";
      form.action = new URL("find/", window.location.origin + window.location.pathname).pathname;
      const copy = document.createElement("input");
      copy.type = "hidden";
      copy.name = "csrfmiddlewaretoken";
      copy.value = token.value;
      form.append(copy);
      /* The text must not come back when the browser restores the page. */
      window.setTimeout(function () { field.value = ""; }, 0);
    });
  }

  function copyButtons() {
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.addEventListener("click", function () {
        const source = document.getElementById(button.dataset.copy);
        const status = document.getElementById("aa-status");
        const label = button.dataset.label || (button.dataset.label = button.textContent);
        const say = function (word) {
          button.textContent = word;
          if (status) {
            status.textContent = word;
          }
          window.setTimeout(function () { button.textContent = label; }, 2500);
        };
        copy(source).then(function () { say(button.dataset.done); }, function () {
          select(source);
          say(button.dataset.failed);
        });
      });
    }
  }

  function copy(source) {
    if (navigator.clipboard && window.isSecureContext) {
      return navigator.clipboard.writeText(source.textContent);
    }
    select(source);
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("copy refused"));
  }

  function select(source) {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    source.focus();
  }

  /* The key does not stay behind when the page is left: nor in what the browser keeps for its Back button. */
  function forgetKey() {
    if (!document.querySelector("[data-apiaccess-key-page]")) {
      return;
    }
    window.addEventListener("pagehide", function () {
      for (const id of ["aa-key", "aa-curl"]) {
        const place = document.getElementById(id);
        if (place) {
          place.textContent = "…";
        }
      }
    });
  }

  /* One click, one key. */
  function sendOnce() {
    for (const form of document.querySelectorAll("form[data-apiaccess-once], #apikey_form, #oauthclient_form")) {
      form.addEventListener("submit", function (event) {
        if (form.dataset.sent) {
          event.preventDefault();
        }
        form.dataset.sent = "1";
      });
      window.addEventListener("pageshow", function () { delete form.dataset.sent; });
    }
  }

  /* The date matters only where "on a date" is chosen. */
  function expiryDate() {
    const choice = document.getElementById("id_lifetime");
    const date = document.getElementById("id_expires_at_0");
    const row = date && (date.closest(".form-row, .field-row") || date.closest(".field-expires_at") || date.parentElement.parentElement);
    if (!choice || !row) {
      return;
    }
    const show = function () { row.hidden = choice.value !== "date"; };
    choice.addEventListener("change", show);
    show();
  }

  document.addEventListener("DOMContentLoaded", function () {
    guardSearch();
    copyButtons();
    forgetKey();
    sendOnce();
    expiryDate();
  });
})();
