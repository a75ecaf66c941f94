// Shows what `python -m muniment policy check --format json` finds in a policy, whenever it is opened or saved.
"use strict";

const { execFile } = require("node:child_process");
const vscode = require("vscode");

function activate(context) {
  const found = vscode.languages.createDiagnosticCollection("polar");
  const check = (document) => {
    const folder = vscode.workspace.getWorkspaceFolder(document.uri);
    if (document.languageId !== "polar" || !folder || !vscode.workspace.isTrusted) return;
    const python = vscode.workspace.getConfiguration("muniment").get("python");
    const given = ["-m", "muniment", "policy", "check", "--format", "json", document.uri.fsPath];
    execFile(python, given, { cwd: folder.uri.fsPath }, (_failed, said, told) => {
      try {
        found.set(document.uri, JSON.parse(said).map(shown));
      } catch {
        found.delete(document.uri);
        vscode.window.showErrorMessage(`policy check did not run: ${told || "look at the setting muniment.python"}`);
      }
    });
  };
  const closed = (document) => found.delete(document.uri);
  context.subscriptions.push(
    found,
    vscode.workspace.onDidOpenTextDocument(check),
    vscode.workspace.onDidSaveTextDocument(check),
    vscode.workspace.onDidCloseTextDocument(closed),
  );
  vscode.workspace.textDocuments.forEach(check);
}

function shown(problem) {
  const place = new vscode.Range(problem.line - 1, problem.column - 1, problem.endLine - 1, problem.endColumn - 1);
  const advice = problem.advice ? `write: ${problem.advice}` : "";
  const text = [problem.message, problem.meaning, advice].filter(Boolean).join("\n");
  const grade = vscode.DiagnosticSeverity[problem.severity === "error" ? "Error" : "Warning"];
  const diagnostic = new vscode.Diagnostic(place, text, grade);
  diagnostic.source = "policy check";
  diagnostic.code = problem.kind;
  return diagnostic;
}

module.exports = { activate };
