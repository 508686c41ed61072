// The envelope and the signature of docs/protocol.md: what every agent has to do, whatever it is for.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { headers as newHeaders, nkeys } from "nats";

// The headers under the signature, in the order in which they are signed.
const SIGNED = ["Performative", "Protocol", "Conversation-Id", "Reply-With", "In-Reply-To", "Reply-By", "Sender", "Receiver",
  "Content-Type", "Round", "Sequence", "Traceparent", "Message-Id", "Command-Id", "Expires"];

// What an answer takes over from its question.
const TAKEN_OVER = ["Protocol", "Conversation-Id", "Round", "Sequence", "Traceparent", "Command-Id"];

const PERFORMATIVES = ["cfp", "propose", "accept-proposal", "reject-proposal", "request", "query-ref", "cancel", "agree", "refuse",
  "not-understood", "inform", "failure"];
const PROTOCOLS = ["", "fipa-contract-net", "fipa-iterated-contract-net", "fipa-request", "fipa-query"];

const SKEW = 5_000, LONGEST = 600_000; // milliseconds
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

// A Refusal is what goes wrong in the protocol's words. Performative is what it is answered with, "" for silence.
export class Refusal extends Error {
  constructor(performative, code, message, hint) {
    super(message);
    Object.assign(this, { performative, code, hint });
  }
  body() { return { code: this.code, message: this.message, ...(this.hint && { hint: this.hint }) }; }
}

const silent = (why) => new Refusal("", "not-allowed", why);
const unreadable = (why) => new Refusal("not-understood", "bad-request", why);

// loadCredentials reads a file of "agency enrol", which must be its owner's alone.
export function loadCredentials(path) {
  if (statSync(path).mode & 0o077) throw new Error(`${path} can be read by others; run: chmod 600 ${path}`);
  const text = readFileSync(path, "utf8");
  const between = (begin, end) => text.split(begin)[1].split(end)[0].trim();
  return {
    ...JSON.parse(between("-----BEGIN AGENCY CREDENTIALS-----", "------END AGENCY CREDENTIALS------")),
    seed: between("-----BEGIN USER NKEY SEED-----", "------END USER NKEY SEED------"),
    text: new TextEncoder().encode(text),
  };
}

// Identity seals what an agent says and verifies what it is told.
export class Identity {
  #key; #account; #version = -1; #entries = {}; #seen = new Map();

  constructor(credentials) {
    this.name = credentials.identity;
    this.#key = nkeys.fromSeed(Buffer.from(credentials.seed));
    this.#account = nkeys.fromPublic(credentials.account);
    this.sealing = nkeys.fromCurveSeed(Buffer.from(credentials.sealing)).getPublicKey();
    this.learn(credentials.register);
  }

  // learn takes a register if the account signed it and it is newer, and says whether it is.
  learn(register) {
    const [payload, signature] = register.split(".");
    if (!this.#account.verify(Buffer.from(`cloud-agency register 1\n${payload}`), Buffer.from(signature, "base64url"))) return false;
    const { version, entries } = JSON.parse(Buffer.from(payload, "base64url"));
    if (version <= this.#version) return false;
    this.#version = version;
    this.#entries = entries;
    return true;
  }

  // seal signs an envelope, of which the fields that every message has are filled in, and a body.
  seal(fields, body) {
    const sealed = newHeaders();
    const all = { ...fields, Sender: this.name, "Message-Id": base64url(randomBytes(16)),
      Expires: new Date(Date.now() + 30_000).toISOString() };
    for (const name of SIGNED) if (all[name]) sealed.set(name, all[name]);
    sealed.set("Signature", base64url(this.#key.sign(canonical(sealed, body))));
    return sealed;
  }

  // answer seals the answer to a question.
  answer(question, performative, kind, content) {
    const body = content === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(content));
    const fields = { Performative: performative, Receiver: question.Sender, "In-Reply-To": question["Reply-With"] };
    for (const name of TAKEN_OVER) fields[name] = question[name];
    if (kind) fields["Content-Type"] = `application/vnd.cloud-agency.${kind}+json;version=1`;
    return { headers: this.seal(fields, body), body };
  }

  // verify wants that a message is signed by whom it says, and for this agent, and here for the first time. It throws a
  // Refusal, with unknown set if a newer register might help.
  verify(headers, body) {
    const message = open(headers);
    const [signature, ...more] = headers?.values("Signature") ?? [];
    if (!signature) throw silent("is not signed");
    const bytes = Buffer.from(signature, "base64url");
    if (more.length || bytes.length !== 64 || base64url(bytes) !== signature) throw unreadable("header Signature is no signature");
    const entry = this.#entries[message.Sender];
    if (!entry || entry.revoked || !nkeys.fromPublic(entry.key).verify(canonical(headers, body), bytes)) {
      throw Object.assign(silent(`${message.Sender} did not sign it`), { unknown: true });
    }
    if (message.Receiver !== this.name && message.Receiver !== "vendor") throw silent(`is for ${message.Receiver}`);
    this.#fresh(message);
    return message;
  }

  #fresh(message) {
    const now = Date.now(), expires = Date.parse(message.Expires);
    if (now > expires + SKEW) {
      throw Object.assign(new Refusal("refuse", "expired", `the message has expired: it is ${new Date(now).toISOString()} here`, "set the clock"), { question: message });
    }
    if (expires > now + LONGEST + SKEW) throw silent("lives too long");
    for (const [id, until] of this.#seen) { // the oldest are first
      if (until >= now) break;
      this.#seen.delete(id);
    }
    const id = `${message.Sender} ${message["Message-Id"]}`;
    if (this.#seen.has(id)) throw silent("was here before");
    this.#seen.set(id, expires + SKEW);
  }
}

function canonical(headers, body) {
  const lines = ["cloud-agency message 1", ...SIGNED.map((name) => `${name}: ${headers.get(name)}`)];
  return Buffer.from(`${lines.join("\n")}\nBody-SHA256: ${createHash("sha256").update(body).digest("base64url")}\n`);
}

// open reads the envelope, and throws a Refusal for one that cannot be read.
function open(headers) {
  const message = {};
  for (const name of SIGNED) {
    const values = headers?.values(name) ?? [];
    message[name] = values[0] ?? "";
    if (values.length > 1) throw unreadable(`header ${name} is there ${values.length} times`);
    if (!/^[ -~]{0,512}$/.test(message[name]) || message[name].trim() !== message[name]) throw unreadable(`header ${name} has an odd value`);
  }
  const wants = (name, fits) => { if (!fits) throw unreadable(`header ${name} is ${JSON.stringify(message[name])}`); };
  const time = (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
  wants("Performative", PERFORMATIVES.includes(message.Performative));
  wants("Protocol", PROTOCOLS.includes(message.Protocol));
  wants("Sender", /^(broker|deployer|monitor|(vendor|client)\.[a-z][a-z0-9-]*)$/.test(message.Sender));
  wants("Message-Id", /^[A-Za-z0-9_-]{14,64}$/.test(message["Message-Id"]));
  wants("Round", /^\d*$/.test(message.Round));
  wants("Sequence", /^\d*$/.test(message.Sequence));
  wants("Expires", time(message.Expires));
  wants("Reply-By", message["Reply-By"] === "" || time(message["Reply-By"]));
  return message;
}

// decode reads a body of a kind, and throws a Refusal if it is none.
export function decode(message, body, kind) {
  const [, found, version] = /^application\/vnd\.cloud-agency\.([a-z-]+)\+json; ?version=(\d+)$/.exec(message["Content-Type"]) ?? [];
  if (found !== kind || version !== "1") throw unreadable(`the content is ${message["Content-Type"]}, not ${kind} of version 1`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const content = JSON.parse(text);
    if (content === null || typeof content !== "object" || Array.isArray(content)) throw new Error("it is no object");
    const twice = repeated(text);
    if (twice !== undefined) throw new Error(`the name ${twice} stands twice in one object`);
    return content;
  } catch (error) {
    throw unreadable(`${kind}: ${error.message}`);
  }
}

// repeated finds a name that stands twice in one object of a JSON text, which JSON.parse lets pass.
function repeated(text) {
  const open = []; // a set of names for each object, null for an array
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const name = JSON.parse(token.slice(0, -1).trimEnd()), names = open.at(-1);
      if (names.has(name)) return name;
      names.add(name);
    }
  }
}
