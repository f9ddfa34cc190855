// Salesforce's own clients judge the events of the stand-in that `weir simulate salesforce` serves: the Pub/Sub API client
// (gRPC and Avro, with Salesforce's definition of the service) and jsforce's streaming (Bayeux over long polling, with the
// replay extension). What they make of the events has to be what was done to the records.
//
//   node judge.mjs http://127.0.0.1:PORT KEY.pem CERT.pem
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import jsforce from "jsforce";
import streaming from "jsforce/lib/api/streaming.js";
import PubSubApiClient from "salesforce-pubsub-api-client";

const [url, keyFile, certFile] = process.argv.slice(2);
const { port, hostname } = new URL(url);
const conn = new jsforce.Connection({ instanceUrl: url, accessToken: "sample", version: "58.0" });
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

// The client speaks TLS only and the stand-in does not: what stands between passes bytes on.
const front = tls.createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile), ALPNProtocols: ["h2"] }, (client) => {
  const server = net.connect(Number(port), hostname);
  client.pipe(server).pipe(client);
  for (const end of [client, server]) end.on("error", () => { client.destroy(); server.destroy(); });
});
await new Promise((resolve) => front.listen(0, "localhost", resolve));

const { organization_id: organizationId } = await (await fetch(`${url}/services/oauth2/userinfo`, { headers: { Authorization: "Bearer sample" } })).json();

async function pubsub(accessToken = "sample") {
  const client = new PubSubApiClient({
    authType: "user-supplied", accessToken, instanceUrl: "https://example.my.salesforce.com", organizationId,
    pubSubEndpoint: `localhost:${front.address().port}`, rejectUnauthorizedSsl: false,
  }, quiet);
  await client.connect();
  return client;
}

// take collects events of a subscription of the Pub/Sub API until there are enough.
function take(count, subscribe) {
  return new Promise((resolve, reject) => {
    const events = [];
    const late = setTimeout(() => reject(new Error(`only ${events.length} of ${count} events came`)), 20_000);
    subscribe((_info, kind, data) => {
      if (kind === "error") reject(data);
      if (kind !== "event") return;
      events.push(data);
      if (events.length === count) { clearTimeout(late); resolve(events); }
    });
  });
}

// stream collects events of the Streaming API.
function stream(channel, replay, count) {
  const client = conn.streaming.createClient([new streaming.StreamingExtension.Replay(channel, replay)]);
  return new Promise((resolve, reject) => {
    const events = [];
    const late = setTimeout(() => reject(new Error(`only ${events.length} of ${count} events came`)), 20_000);
    const subscription = client.subscribe(channel, (event) => {
      events.push(event);
      if (events.length === count) { clearTimeout(late); subscription.cancel(); client.disconnect(); resolve(events); }
    });
    subscription.then(undefined, (e) => { clearTimeout(late); client.disconnect(); reject(e); });
  });
}

const topic = "/data/AccountChangeEvent";
const created = await conn.sobject("Account").create({ Name: 'Ünder "quotes"', BillingCity: "Oslo", BillingStreet: "Main 1", NumberOfEmployees: 7, AnnualRevenue: 12.5, Phone: "1" });
await conn.sobject("Account").update({ Id: created.id, BillingCity: "Bergen", BillingStreet: null, Phone: null, Industry: "Retail" });
await conn.sobject("Account").destroy(created.id);

let whole;
const parts = {
  async "the Pub/Sub API from the earliest event"() {
    const client = await pubsub();
    whole = await take(3, (callback) => client.subscribeFromEarliestEvent(topic, callback, 3));
    const [create, update, remove] = whole.map((e) => e.payload);
    assert.equal(create.Name, 'Ünder "quotes"');
    assert.equal(create.BillingAddress.City, "Oslo");
    assert.equal(create.NumberOfEmployees, 7);
    assert.equal(create.AnnualRevenue, 12.5);
    assert.deepEqual(create.ChangeEventHeader.recordIds, [created.id]);
    assert.ok(BigInt(create.ChangeEventHeader.commitNumber) > 2n ** 53n);
    const changed = update.ChangeEventHeader.changedFields;
    for (const name of ["Phone", "Industry", "BillingAddress.City", "BillingAddress.Street"]) assert.ok(changed.includes(name), name);
    assert.deepEqual(update.ChangeEventHeader.nulledFields.toSorted(), ["BillingAddress.Street", "Phone"]);
    assert.equal(update.BillingAddress.City, "Bergen");
    assert.equal(update.Name, null);
    assert.equal(remove.ChangeEventHeader.changeType, "DELETE");
    client.close();
  },

  async "the Pub/Sub API from an event on"() {
    const client = await pubsub();
    const [only] = await take(1, (callback) => client.subscribeFromReplayId(topic, callback, 1, whole[1].replayId));
    assert.equal(only.replayId, whole[2].replayId);
    client.close();
  },

  async "the Pub/Sub API as things happen"() {
    const client = await pubsub();
    const coming = take(25, (callback) => client.subscribe("/data/ChangeEvents", callback));
    await new Promise((resolve) => setTimeout(resolve, 300)); // the client does not say when it has subscribed
    for (let i = 0; i < 25; i++) await conn.sobject(i % 2 ? "Lead" : "Account").create(i % 2 ? { LastName: `n ${i}`, Company: "C" } : { Name: `n ${i}` });
    const events = (await coming).toSorted((a, b) => a.replayId - b.replayId); // the client may swap them while it fetches schemas
    assert.deepEqual(events.map((e) => e.payload.ChangeEventHeader.entityName), events.map((_, i) => (i % 2 ? "Lead" : "Account")));
    client.close();
  },

  async "publishing platform events"() {
    const client = await pubsub();
    const coming = stream("/event/Invoice_Sent__e", -1, 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const result = await client.publish("/event/Invoice_Sent__e", { CreatedDate: Date.UTC(2026, 1, 2), CreatedById: "0055g0000000001AAA", Invoice_Key__c: { string: "I-1" }, Amount__c: { double: 1.25 } });
    assert.ok(result.replayId > 0);
    const [event] = await coming;
    assert.equal(event.event.replayId, result.replayId);
    assert.deepEqual(event.payload, { CreatedDate: "2026-02-02T00:00:00.000Z", CreatedById: "0055g0000000001AAA", Invoice_Key__c: "I-1", Amount__c: 1.25 });
    client.close();
  },

  async "errors of the Pub/Sub API"() {
    const client = await pubsub();
    const refused = (name) => new Promise((resolve) => client.subscribe(name, (_info, kind, data) => kind === "error" && resolve(data), 1));
    assert.match(String(await refused("/data/NothingChangeEvent")), /not found/i);
    client.close();
  },

  async "the Streaming API, with replay"() {
    const events = await stream(topic, -2, 3);
    assert.deepEqual(events.map((e) => e.event.replayId), whole.map((e) => e.replayId));
    const [create, update, remove] = events.map((e) => e.payload);
    assert.equal(create.Name, 'Ünder "quotes"');
    assert.deepEqual(create.BillingAddress, { City: "Oslo", Street: "Main 1" });
    assert.match(create.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(update.BillingAddress, { City: "Bergen", Street: null });
    assert.equal(update.Phone, null);
    assert.ok(update.ChangeEventHeader.changedFields.includes("BillingAddress.City"));
    assert.deepEqual(Object.keys(remove), ["ChangeEventHeader"]);
    const rest = await stream(topic, events[1].event.replayId, 1);
    assert.equal(rest[0].event.replayId, events[2].event.replayId);
    await assert.rejects(stream(topic, 987654321, 1), /400/);
    await assert.rejects(stream("/data/NothingChangeEvent", -1, 1), /404/);
  },
};

let wrong = 0;
for (const [name, part] of Object.entries(parts)) {
  try {
    await part();
    console.log(`ok   Salesforce's clients: ${name}`);
  } catch (e) {
    wrong++;
    console.log(`FAIL Salesforce's clients: ${name}\n${e.stack ?? e}`);
  }
}
process.exit(wrong ? 1 : 0);
