/** Reads YAML. The package has no types. */
import { createRequire } from 'node:module';

interface JsYaml {
  loadAll(text: string): unknown[];
}

const jsYaml = createRequire(__filename)('js-yaml') as JsYaml;

/** Every document of a text. Throws where it is no YAML. */
export const documentsOf = (text: string): unknown[] => jsYaml.loadAll(text);
