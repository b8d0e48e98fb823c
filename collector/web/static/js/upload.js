// Shows how much of a file has been sent. Without this script the browser sends the same form.

for (const form of document.querySelectorAll("form.upload[data-sending]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", form.dataset.sending);
    button.after(bar);
    button.disabled = true;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) bar.value = (100 * sent.loaded) / sent.total;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(request.responseURL);
        return;
      }
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      document.querySelector("main").replaceWith(answer.querySelector("main"));
      document.querySelector("[role=alert]")?.scrollIntoView();
    });
    request.addEventListener("error", () => {
      bar.remove();
      button.disabled = false;
      form.submit();
    });
    request.send(new FormData(form));
  });
}
