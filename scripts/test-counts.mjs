// A jest reporter that writes what `scripts/test.mjs` needs to know: per project how many test files ran and what
// became of their tests. (jest's own --json does not name the project of a file.)
import { writeFileSync } from 'node:fs';

export default class TestCounts {
  #outputFile;
  #projects = {};

  constructor(_globalConfig, options) {
    this.#outputFile = options.outputFile ?? process.env.NORIGATE_TEST_COUNTS;
  }

  onTestResult(test, result) {
    const name = test.context.config.displayName?.name ?? 'tests';
    const counts = (this.#projects[name] ??= { files: 0, passed: 0, failed: 0, skipped: [] });
    counts.files += 1;
    counts.passed += result.numPassingTests;
    counts.failed += result.numFailingTests;
    // A file that could not be loaded has no tests to count, and is a failure all the same.
    if (result.testExecError || (result.failureMessage && result.numFailingTests === 0)) counts.failed += 1;
    for (const each of result.testResults) {
      if (each.status !== 'passed' && each.status !== 'failed') counts.skipped.push(`${test.path}: ${each.fullName}`);
    }
  }

  onRunComplete(_contexts, results) {
    const { wasInterrupted = false, openHandles = [] } = results;
    writeFileSync(
      this.#outputFile,
      JSON.stringify({ projects: this.#projects, wasInterrupted, openHandles: openHandles.length }),
    );
  }
}
