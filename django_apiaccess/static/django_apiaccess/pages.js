/* Passkeys, and small helps: copy, download, print. Every page but the passkey's works without them. */
"use strict";

(function () {
  const words = function () {
    const found = document.getElementById("aa-words");
    return found ? found.dataset : {};
  };

  /* -- passkeys: the options come from the server, the answer goes back in the form */

  function passkeys() {
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      const button = form.querySelector("button[type=button]");
      form.addEventListener("submit", function (event) {
        if (!form.elements.credential.value) {  /* Enter in a field is as good as the button */
          event.preventDefault();
          button.click();
        }
      });
      button.addEventListener("click", function () { use(form, button); });
    }
    window.addEventListener("pageshow", function () {
      for (const field of document.querySelectorAll("form[data-passkey] [name=credential]")) {
        field.value = "";
      }
    });
  }

  async function use(form, button) {
    const status = form.querySelector(".aa-passkey-status");
    const say = function (text, wrong) {
      status.textContent = text;
      status.classList.toggle("wrong", Boolean(wrong));
    };
    if (!window.PublicKeyCredential) {
      say(window.isSecureContext ? words().unsupported : words().address, true);
      return;
    }
    button.disabled = true;
    say(words().waiting);
    try {
      const told = await options(form);
      if (!told) {
        return;
      }
      const create = form.dataset.passkey === "create";
      const publicKey = create ? creation(told.options) : request(told.options);
      const credential = await navigator.credentials[create ? "create" : "get"]({publicKey});
      form.elements.credential.value = JSON.stringify(plain(credential));
      if (form.elements.id) {
        form.elements.id.value = told.id;
      }
      form.submit();
    } catch (error) {
      say(reason(error), true);
      button.disabled = false;
      button.focus();
    }
  }

  async function options(form) {
    const sent = {
      method: "POST",
      credentials: "same-origin",
      headers: {"X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "Accept": "application/json"},
    };
    const answer = await fetch(form.dataset.options, sent).catch(function () { throw new Told(words().offline); });
    const told = await answer.json().catch(function () { throw new Told(words().failed); });
    if (told.go_to) {
      window.location.assign(told.go_to);
      return null;
    }
    if (!answer.ok) {
      throw new Told(told.detail || words().failed);
    }
    return told;
  }

  class Told extends Error {}

  function reason(error) {
    if (error instanceof Told) {
      return error.message;
    }
    const known = {
      NotAllowedError: words().cancelled,
      AbortError: words().cancelled,
      InvalidStateError: words().exists,
      SecurityError: words().address,
      NotSupportedError: words().device,
      ConstraintError: words().device,
    };
    return known[error.name] || words().failed;
  }

  /* -- JSON and the browser's own form of it, also where the browser cannot do that itself yet */

  function creation(json) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) {
      return PublicKeyCredential.parseCreationOptionsFromJSON(json);
    }
    return {
      ...json,
      challenge: bytes(json.challenge),
      user: {...json.user, id: bytes(json.user.id)},
      excludeCredentials: (json.excludeCredentials || []).map(descriptor),
    };
  }

  function request(json) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) {
      return PublicKeyCredential.parseRequestOptionsFromJSON(json);
    }
    return {...json, challenge: bytes(json.challenge), allowCredentials: (json.allowCredentials || []).map(descriptor)};
  }

  function descriptor(one) {
    return {...one, id: bytes(one.id)};
  }

  function plain(credential) {
    if (typeof credential.toJSON === "function") {
      return credential.toJSON();
    }
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) {
        response[name] = text(credential.response[name]);
      }
    }
    if (credential.response.getTransports) {
      response.transports = credential.response.getTransports();
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: credential.getClientExtensionResults(),
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
    };
  }

  function bytes(encoded) {
    const raw = atob(encoded.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, function (char) { return char.charCodeAt(0); });
  }

  function text(buffer) {
    const raw = Array.from(new Uint8Array(buffer), function (byte) { return String.fromCharCode(byte); }).join("");
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  /* -- what is shown once: copy, download, print, and gone when the page is left */

  function content(id) {
    const source = document.getElementById(id);
    const items = source.querySelectorAll("li");
    return items.length ? Array.from(items, function (item) { return item.textContent.trim(); }).join("\n") + "\n"
      : source.textContent.replace(/\s/g, "");
  }

  function tools() {
    for (const hidden of document.querySelectorAll(".tools[hidden], [data-copy][hidden]")) {
      hidden.hidden = false;
    }
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", function () { copy(button); });
    }
    for (const button of document.querySelectorAll("[data-download]")) {
      button.addEventListener("click", function () { download(button); });
    }
    for (const button of document.querySelectorAll("[data-print]")) {
      button.addEventListener("click", function () { window.print(); });
    }
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    let told = words().copied;
    try {
      await navigator.clipboard.writeText(content(button.dataset.copy));
    } catch (error) {
      window.getSelection().selectAllChildren(source);
      told = words().select;
    }
    button.textContent = told;
    document.getElementById("aa-status").textContent = told;
    window.setTimeout(function () { button.textContent = label; }, 2500);
  }

  function download(button) {
    const file = new Blob([button.dataset.heading + "\n\n" + content(button.dataset.download)], {type: "text/plain"});
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = button.dataset.name;
    link.click();
    window.setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  function forget() {
    window.addEventListener("pagehide", function () {
      for (const once of document.querySelectorAll("[data-once], .secret, .qr")) {
        once.textContent = "…";
      }
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    passkeys();
    tools();
    forget();
  });
})();
