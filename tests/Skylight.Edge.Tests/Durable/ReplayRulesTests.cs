using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Skylight.Edge.Tests.Durable;

/// <summary>Code that cannot be replayed does not compile in orchestrations.</summary>
public sealed partial class ReplayRulesTests
{
    [Fact]
    public async Task Build_OfOrchestrationsThatBreakTheRules_FailsAtEveryMark()
    {
        var root = Root();
        if (root is null) Assert.Skip("Runs in the source tree only.");
        var project = Path.Combine(root, "tests", "ReplayRules");
        var source = await File.ReadAllLinesAsync(Path.Combine(project, "Violations.cs"));
        var marked = source.Index().Where(line => line.Item.EndsWith("// banned", StringComparison.Ordinal)).Select(line => line.Index + 1).ToList();
        Assert.NotEmpty(marked);

        var output = await BuildAsync(project);
        var found = Errors().Matches(output).Select(match => (Line: int.Parse(match.Groups["line"].ValueSpan), Code: match.Groups["code"].Value)).Distinct().ToList();
        Assert.All(found, error => Assert.Equal("RS0030", error.Code));
        Assert.True(marked.SequenceEqual(found.Select(error => error.Line).Order()), $"Marked and not found, or found and not marked: {string.Join(", ", marked.Except(found.Select(e => e.Line)).Concat(found.Select(e => e.Line).Except(marked)))}\n{output}");
    }

    [Fact]
    public void Workflows_AreBuiltWithTheRules()
    {
        var root = Root();
        if (root is null) Assert.Skip("Runs in the source tree only.");
        Assert.Contains("BannedSymbols.Workflows.txt", File.ReadAllText(Path.Combine(root, "src", "Skylight.Workflows", "Skylight.Workflows.csproj")), StringComparison.Ordinal);
    }

    [GeneratedRegex(@"Violations\.cs\((?<line>\d+),\d+\): error (?<code>\w+):")]
    private static partial Regex Errors();

    private static async Task<string> BuildAsync(string project)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, WorkingDirectory = project };
        foreach (var argument in (string[])["build", "-nologo", "-v", "q", "-p:RunAnalyzers=true"]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.NotEqual(0, process.ExitCode);
        return output;
    }

    private static string? Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Serverless.sln"))) folder = folder.Parent;
        return folder?.FullName;
    }
}
