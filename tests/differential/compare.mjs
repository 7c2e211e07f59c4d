// Evaluates the guides' own search-parameter expressions with an engine that is not ours (HL7's fhirpath.js) and prints
// where it finds other elements than Ingle does. Usage: node compare.mjs EXPRESSIONS RESOURCES
//
// EXPRESSIONS is { type: { code: expression } }; RESOURCES has a line { name, resource, found: { code: [element] } } each.

import { readFileSync } from "node:fs";
import fhirpath from "fhirpath";
import r4 from "fhirpath/fhir-context/r4/index.js";

const [expressions, resources] = process.argv.slice(2);
const known = JSON.parse(readFileSync(expressions, "utf8"));

// Nothing is looked up: a reference is to the type that its text names.
const ofType = (expression) =>
  expression.replace(
    /resolve\(\) is (\w+)/g,
    (_, type) => `reference.matches('^([a-z]+://.*/)?${type}/[^/?#]+(/_history/[^/]+)?$')`,
  );
const options = { async: false, resolveInternalTypes: false };

const compiled = new Map();
function evaluator(expression) {
  if (!compiled.has(expression)) compiled.set(expression, fhirpath.compile(ofType(expression), r4, options));
  return compiled.get(expression);
}

// One text for equal elements, whatever the order of their members.
function text(value) {
  if (Array.isArray(value)) return `[${value.map(text).join(",")}]`;
  if (value && typeof value === "object") {
    const members = Object.keys(value).filter((name) => name !== "__path__").sort();
    return `{${members.map((name) => JSON.stringify(name) + ":" + text(value[name])).join(",")}}`;
  }
  return JSON.stringify(value);
}

const plain = (values) => [...new Set(values.filter((value) => value !== null && value !== undefined).map(text))].sort();

let compared = 0;
for (const line of readFileSync(resources, "utf8").split("\n").filter(Boolean)) {
  const { name, resource, found } = JSON.parse(line);
  for (const [code, ours] of Object.entries(found)) {
    const expression = known[resource.resourceType]?.[code];
    if (!expression) continue;
    compared += 1;
    let theirs;
    try {
      theirs = plain(evaluator(expression)(resource).map((value) => JSON.parse(JSON.stringify(value) ?? "null")));
    } catch (error) {
      console.log(["error", `${resource.resourceType}.${code}`, name, String(error.message ?? error).split("\n")[0]].join("\t"));
      continue;
    }
    if (plain(ours).join() !== theirs.join()) {
      const short = (values) => values.join().slice(0, 200);
      console.log(["differs", `${resource.resourceType}.${code}`, name, short(plain(ours)), short(theirs), expression].join("\t"));
    }
  }
}
console.log(`compared\t${compared}`);
