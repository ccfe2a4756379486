// The same feed as that of wsgi_apps.py, by express behind its compression middleware.
"use strict";

const express = require("express");
const compression = require("compression");

const app = express();
app.use(compression());
app.get("/feed", (request, response) => {
  response.set("Content-Type", "text/event-stream");
  for (const number of [1, 2, 3]) {
    response.write(`id: ${number}\ndata: event ${number}\n\n`);
  }
  const beating = setInterval(() => response.write(": beat\n\n"), 50);
  response.on("close", () => clearInterval(beating));
});
app.listen(Number(process.argv[2]), "127.0.0.1");
