#!/usr/bin/env node
// A vendor agent for Cloud Agency, written to docs/protocol.md alone. See README.md.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect, credsAuthenticator } from "nats";
import { Identity, Refusal, decode, loadCredentials } from "./envelope.js";
import { Machines } from "./machines.js";
import { Market, capacity, description } from "./market.js";
import { Records } from "./records.js";

const { values: flags } = parseArgs({ options: {
  credentials: { type: "string", default: process.env.AGENCY_CREDENTIALS },
  nats: { type: "string", default: process.env.AGENCY_NATS },
  data: { type: "string", default: "data" },
  offers: { type: "string", default: "300" }, // seconds that offers stand
} });
if (!flags.credentials) throw new Error("--credentials FILE is needed; agency enrol vendor NAME makes one");

const credentials = loadCredentials(flags.credentials);
const name = credentials.identity.replace(/^vendor\./, "");
const me = new Identity(credentials);
mkdirSync(flags.data, { recursive: true, mode: 0o700 });
const records = new Records(join(flags.data, "records.json"));

const sign = credsAuthenticator(credentials.text);
const bus = await connect({
  servers: flags.nats ?? credentials.url, name: credentials.identity, inboxPrefix: `_INBOX_${name}`,
  authenticator: (nonce) => {
    if (nonce && !/^[!-~]{1,64}$/.test(nonce)) throw new Error("the server sent something else than a nonce to sign");
    return sign(nonce);
  },
  waitOnFirstConnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 250, reconnectJitter: 50,
});

const market = new Market(name, records, Number(flags.offers) * 1000);
const machines = new Machines({ name, records, market, hasFiles, tell });

// hasFiles looks an object up in the vendor's bucket.
async function hasFiles(object) {
  const meta = Buffer.from(object).toString("base64url").padEnd(Math.ceil(object.length / 3) * 4, "=");
  const answer = await bus.request(`$JS.API.DIRECT.GET.OBJ_${name}.$O.${name}.M.${meta}`, "", { timeout: 5000 });
  return answer.headers?.code !== 404;
}

// tell publishes what is in the outbox, until the stream has acknowledged all of it.
let telling = false;
async function tell() {
  if (telling) return;
  telling = true;
  while (records.outbox.length) {
    const event = records.outbox[0], body = Buffer.from(JSON.stringify(event));
    try {
      const headers = me.seal({ Performative: "inform", "Conversation-Id": event.deployment, "Content-Type": "application/vnd.cloud-agency.event+json;version=1" }, body);
      headers.set("Nats-Msg-Id", event.id);
      const answer = await bus.request(`evt.${name}.${event.kind}`, body, { headers, timeout: 5000 });
      const { error } = JSON.parse(answer.string());
      if (error) console.error(`event ${event.id} was not stored: ${error.description}`);
      records.outbox.shift();
      records.save();
    } catch (error) {
      console.error(`event not told yet: ${error.message}`);
      await new Promise((resume) => setTimeout(resume, 1000));
    }
  }
  telling = false;
}

// renew asks the broker for a newer register, at most once a second, and says whether there is one.
let asked = 0;
async function renew() {
  if (Date.now() - asked < 1000) return false;
  asked = Date.now();
  const body = Buffer.from(JSON.stringify({ topic: "register" }));
  const headers = me.seal({
    Performative: "query-ref", Protocol: "fipa-query", Receiver: "broker", "Reply-With": String(asked), "Conversation-Id": String(asked),
    "Content-Type": "application/vnd.cloud-agency.question+json;version=1",
  }, body);
  try {
    const answer = await bus.request("broker.query", body, { headers, timeout: 1000 });
    return me.learn(answer.json().register); // it counts by the account's signature, not by the broker's
  } catch {
    return false;
  }
}

async function verified(raw) {
  try {
    return me.verify(raw.headers, raw.data);
  } catch (error) {
    if (error.unknown && await renew()) return me.verify(raw.headers, raw.data);
    throw error;
  }
}

// Who may say what, by subject, and what is done about it: a function returns performative, kind and content.
const TAKEN = {
  cfp: { cfp: { broker: (message, body) => ["propose", "proposal", market.answer(decode(message, body, "call-for-proposals"))] } },
  command: {
    "accept-proposal": { broker: (message, body) => ["inform", "agreement", market.accept(decode(message, body, "acceptance"))] },
    "reject-proposal": { broker: (message, body) => ["inform", "agreement", market.cancel(decode(message, body, "cancellation"), true)] },
    cancel: { broker: (message, body) => ["inform", "agreement", market.cancel(decode(message, body, "cancellation"), false)] },
    request: {
      deployer: (message, body) => ended(machines.take(message["Command-Id"], Number(message.Sequence), decode(message, body, "resource-command"))),
      client: credential,
    },
  },
  query: { "query-ref": { broker: question, deployer: question, monitor: question, client: question } },
};

// ended is the answer to a command of which this is known.
function ended({ outcome }) {
  if (!outcome) return ["agree"];
  return [outcome.refusal ? "failure" : "inform", "outcome", outcome];
}

function credential(message, body) {
  const { scope } = decode(message, body, "credential-command");
  if (scope?.vendor !== name) throw new Refusal("refuse", "bad-request", `this is ${name}`);
  throw new Refusal("failure", "unsupported", `${name} needs no credentials`);
}

function question(message, body) {
  const { topic, subject, page } = decode(message, body, "question");
  switch (topic) {
    case "vendor": {
      const { held, used } = market.usage();
      return ["inform", "vendor-status", {
        name, present: true, description, capacity, held: market.shown(held), used: market.shown(used), sealing: me.sealing,
      }];
    }
    case "resources": return ["inform", "resource-list", machines.list(subject, page)];
    case "measurements": return ["inform", "sample-list", { samples: [] }]; // there is nothing to measure
    case "command": {
      const known = records.commands[subject];
      if (!known) throw new Refusal("refuse", "not-found", `there is no command ${subject}`);
      return ended(known);
    }
  }
  throw new Refusal("not-understood", "bad-request", `a vendor is not asked about ${topic}`);
}

// serve answers one message: once, or not at all if it is not what it says.
async function serve(raw) {
  let message;
  const answer = ([performative, kind, content]) => {
    if (!raw.reply) return;
    const { headers, body } = me.answer(message, performative, kind, content);
    raw.respond(body, { headers });
  };
  try {
    message = await verified(raw);
    const endpoint = TAKEN[raw.subject.split(".")[2]], handle = endpoint?.[message.Performative]?.[message.Sender.split(".")[0]];
    if (!handle) throw new Refusal("refuse", "not-allowed", `${raw.subject} does not take ${message.Performative} from ${message.Sender}`);
    answer(handle(message, raw.data));
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    const refusal = error instanceof Refusal ? error : new Refusal("failure", "internal", "a fault of the vendor's");
    console.error(`${raw.subject}: ${refusal.performative || "ignored"}: ${refusal.message}`);
    // What cannot be read has a sender and a Reply-With perhaps.
    message ??= error.question ?? { Sender: raw.headers?.get("Sender"), "Reply-With": raw.headers?.get("Reply-With") };
    if (refusal.performative) answer([refusal.performative, "refusal", refusal.body()]);
  }
}

bus.subscribe("register", { callback: (error, raw) => { if (!error) me.learn(raw.json().register); } });
bus.subscribe(`vendor.${name}.>`, { queue: name, callback: (error, raw) => { if (!error) serve(raw); } });
machines.resume();
tell();
console.log(`vendor.${name} ready`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => bus.drain().then(() => process.exit(0)));
