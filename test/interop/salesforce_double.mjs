// jsforce, which thousands of programs call Salesforce with, judges the stand-in that `weir simulate salesforce` serves:
// when it can log in, describe, query, write and run bulk jobs there as it does at Salesforce, the stand-in has the right shape.
//
//   node salesforce_double.mjs http://127.0.0.1:PORT ACCOUNTS
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import jsforce from "jsforce";

const [url, accounts] = [process.argv[2], Number(process.argv[3])];
const version = "58.0";
const connect = (more = {}) => new jsforce.Connection({ instanceUrl: url, accessToken: "sample", version, maxRequest: 5, ...more });
const conn = connect();
conn.bulk2.pollInterval = 20;

const parts = {
  async "the authorization code, with PKCE"() {
    const oauth2 = new jsforce.OAuth2({ loginUrl: url, clientId: "app", clientSecret: "secret", redirectUri: "http://127.0.0.1/callback" });
    const verifier = "a-verifier-that-is-long-enough-for-the-rule-of-43";
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const page = oauth2.getAuthorizationUrl({ scope: "api refresh_token", state: "s", code_challenge: challenge, code_challenge_method: "S256" });
    const back = async () => new URL((await fetch(page, { redirect: "manual" })).headers.get("location")).searchParams;
    const first = await back();
    assert.equal(first.get("state"), "s");
    const logged = new jsforce.Connection({ oauth2, version });
    const user = await logged.authorize(first.get("code"), { code_verifier: verifier });
    assert.match(user.id, /^005/);
    assert.equal(logged.instanceUrl, url);
    assert.ok(logged.refreshToken);
    assert.equal((await logged.identity()).organization_id, user.organizationId);
    await assert.rejects(logged.authorize(first.get("code"), { code_verifier: verifier }), /invalid authorization code/);
    await assert.rejects(logged.authorize((await back()).get("code"), { code_verifier: "another" }), /invalid code verifier/);
    // a session that has ended is refreshed without the caller's help
    await logged.query("SELECT Id FROM Account LIMIT 1");
    const before = logged.accessToken;
    await fetch(`${url}/services/oauth2/revoke`, { method: "POST", body: new URLSearchParams({ token: before }) });
    assert.equal((await logged.query("SELECT Id FROM Account LIMIT 1")).records.length, 1);
    assert.notEqual(logged.accessToken, before);
  },

  async "metadata"() {
    const all = await conn.describeGlobal();
    assert.ok(all.sobjects.find((o) => o.name === "Invoice__c" && o.custom && o.keyPrefix === "a01"));
    assert.equal(all.sobjects.find((o) => o.name === "AccountChangeEvent").queryable, false);
    const account = await conn.sobject("Account").describe();
    const field = (name) => account.fields.find((f) => f.name === name);
    assert.equal(field("Ext__c").externalId, true);
    assert.equal(field("BillingCity").compoundFieldName, "BillingAddress");
    assert.equal(field("BillingAddress").type, "address");
    assert.deepEqual(field("OwnerId").referenceTo, ["User"]);
    assert.ok(field("Industry").picklistValues.some((v) => v.value === "Retail" && v.active));
    assert.ok((await conn.limits()).DailyApiRequests.Remaining > 0);
    await assert.rejects(conn.sobject("Nothing__c").describe(), { errorCode: "NOT_FOUND" });
  },

  async "queries, page by page"() {
    const rows = [];
    const q = conn.query("SELECT Id, Name, Owner.Name, BillingAddress FROM Account", { autoFetch: true, maxFetch: 1e6 });
    q.on("record", (r) => rows.push(r));
    await q;
    assert.equal(rows.length, accounts);
    assert.equal(new Set(rows.map((r) => r.Id)).size, accounts);
    assert.equal(rows[0].Owner.attributes.type, "User");
    assert.equal(typeof rows[0].BillingAddress.city, "string");
    const page = await conn.query("SELECT Id FROM Account ORDER BY Id");
    assert.equal(page.done, false);
    const next = await conn.queryMore(page.nextRecordsUrl);
    assert.equal(next.totalSize, accounts);
    assert.equal((await conn.query("SELECT COUNT() FROM Account")).totalSize, accounts);
    await assert.rejects(conn.query("SELECT Nothing FROM Account"), { errorCode: "INVALID_FIELD" });
    await assert.rejects(conn.query("SELECT Id FROM Account WHERE"), { errorCode: "MALFORMED_QUERY" });
  },

  async "jsforce's own query builder"() {
    const found = await conn.sobject("Account").find(
      { CreatedDate: { $lt: jsforce.SfDate.toDateTimeLiteral("2024-01-01T00:00:10Z") }, $or: [{ Name: { $like: "%1" } }, { Name: { $like: "%2" } }] },
      ["Id", "Name", "CreatedDate"],
    ).sort({ CreatedDate: -1 }).limit(5);
    assert.deepEqual(found.map((r) => Number(r.Name.split(" ").at(-1))), [2, 1]);
    const quoted = await conn.sobject("Account").create({ Name: `O'Neil "X" 100%` });
    assert.equal((await conn.sobject("Account").findOne({ Name: `O'Neil "X" 100%` })).Id, quoted.id);
    await conn.sobject("Account").destroy(quoted.id);
  },

  async "one record"() {
    const table = conn.sobject("Invoice__c");
    const made = await table.create({ Ext__c: "one", Amount__c: 10.5, Discount__c: 10, Due__c: "2024-05-01", Sent__c: "2024-05-01T10:00:00+02:00", Channels__c: "Mail;Fax" });
    assert.equal(made.success, true);
    const read = await table.retrieve(made.id);
    assert.equal(read.Net__c, 9.45);
    assert.equal(read.Sent__c, "2024-05-01T08:00:00.000+0000");
    assert.match(read.Name, /^INV-\d{6}$/);
    await table.update({ Id: made.id, Due__c: null });
    assert.equal((await table.retrieve(made.id)).Due__c, null);
    assert.equal((await table.upsert({ Ext__c: "one", Paid__c: true }, "Ext__c")).success, true);
    assert.equal((await table.retrieve(made.id)).Paid__c, true);
    await assert.rejects(table.create({ Ext__c: "one" }), { errorCode: "DUPLICATE_VALUE" });
    await assert.rejects(table.create({ Status__c: "Lost" }), { errorCode: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" });
    await assert.rejects(table.create({ Amount__c: -1 }), { errorCode: "FIELD_CUSTOM_VALIDATION_EXCEPTION" });
    await table.destroy(made.id);
    await assert.rejects(table.destroy(made.id), { errorCode: "ENTITY_IS_DELETED" });
    const bin = await conn.query(`SELECT Id, IsDeleted FROM Invoice__c WHERE Id = '${made.id}'`, { scanAll: true });
    assert.deepEqual(bin.records.map((r) => r.IsDeleted), [true]);
  },

  async "collections"() {
    const table = conn.sobject("Account");
    const list = Array.from({ length: 450 }, (_, i) => ({ Name: i % 100 === 99 ? undefined : `C ${i}`, Ext__c: `col-${i}` }));
    const made = await table.create(list, { allowRecursive: true });
    assert.equal(made.filter((r) => r.success).length, 446);
    assert.equal(made[99].errors[0].statusCode, "REQUIRED_FIELD_MISSING");
    const again = await table.upsert([{ Ext__c: "col-0", Name: "changed" }, { Ext__c: "col-new", Name: "new" }], "Ext__c");
    assert.deepEqual(again.map((r) => r.created), [false, true]);
    assert.equal(again[0].id, made[0].id);
    const ids = made.filter((r) => r.success).map((r) => r.id).concat(again[1].id);
    const read = await table.retrieve(ids.slice(0, 3));
    assert.equal(read[0].Name, "changed");
    const whole = await table.update([{ Id: ids[1], Name: "x" }, { Id: "001000000000000AAA", Name: "y" }], { allOrNone: true });
    assert.deepEqual(whole.map((r) => r.errors[0].statusCode), ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"]);
    const gone = await table.destroy(ids, { allowRecursive: true });
    assert.ok(gone.every((r) => r.success));
  },

  async "a bulk query"() {
    const rows = [];
    const stream = await conn.bulk2.query("SELECT Id, Name, CreatedDate, Owner.Name, Description FROM Account", { pollInterval: 20 });
    await new Promise((resolve, reject) => stream.on("record", (r) => rows.push(r)).on("end", resolve).on("error", reject));
    assert.equal(rows.length, accounts);
    assert.match(rows[0].CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    assert.equal(rows[0]["Owner.Name"], "Admin User");
    assert.ok(rows.some((r) => r.Description === 'a "quoted" word') && rows.some((r) => r.Description === "two\nlines"));
    await assert.rejects(conn.bulk2.query("SELECT Id, BillingAddress FROM Account"), /compound data not supported/);
  },

  async "bulk writes"() {
    const input = Array.from({ length: 500 }, (_, i) => ({ Name: i === 7 ? "" : `B "${i}"\n`, Ext__c: `bulk-${i}` }));
    const made = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "insert", input });
    assert.deepEqual([made.successfulResults.length, made.failedResults.length, made.unprocessedRecords.length], [499, 1, 0]);
    assert.match(made.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
    const id = made.successfulResults.find((r) => r.Ext__c === "bulk-0").sf__Id;
    const some = [{ Ext__c: "bulk-0", Phone: "1", Name: "kept" }, { Ext__c: "bulk-x", Phone: "2", Name: "new" }];
    const upserted = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "upsert", externalIdFieldName: "Ext__c", input: some });
    assert.deepEqual(upserted.successfulResults.map((r) => r.sf__Created).sort(), ["false", "true"]);
    const cleared = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "update", input: [{ Id: id, Phone: null }] });
    assert.equal(cleared.successfulResults.length, 1);
    const now = await conn.sobject("Account").retrieve(id);
    assert.deepEqual([now.Phone, now.Name], [null, "kept"]);
    const all = [...made.successfulResults, ...upserted.successfulResults.filter((r) => r.sf__Created === "true")];
    const gone = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "delete", input: all.map((r) => ({ Id: r.sf__Id })) });
    assert.equal(gone.successfulResults.length, 500);
    await assert.rejects(conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "insert", input: [{ Nothing: "x" }] }), /Field name not found : Nothing/);
    assert.equal((await conn.query("SELECT COUNT() FROM Account")).totalSize, accounts);
  },
};

let failed = 0;
for (const [name, part] of Object.entries(parts)) {
  try {
    await part();
    console.log(`jsforce, ${name}: passed`);
  } catch (e) {
    failed++;
    console.log(`jsforce, ${name}: FAILED\n${e.stack}`);
  }
}
process.exit(failed ? 1 : 0);
