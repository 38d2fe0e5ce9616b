using System.Diagnostics;
using System.Text.RegularExpressions;
using Skylight.Dicom.Tests.Corpus;

namespace Skylight.Dicom.Tests.Validation;

/// <summary>No false alarms: an attribute that we miss, dciodvfy (dicom3tools) misses too.</summary>
public sealed partial class ReferenceValidatorTests
{
    private const string Program = "/usr/bin/dciodvfy";

    /// <summary>What dciodvfy uses to find the object's definition, and so does not list when it is missing.</summary>
    private static readonly string[] s_notListed = ["Modality", "SOPClassUID"];

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public async Task Validate_CorpusFile_MissesNothingThatDciodvfyDoesNot(string name)
    {
        Assert.SkipUnless(File.Exists(Program), "dicom3tools is not installed");
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true });
        inspector.Append(CorpusFiles.Bytes(name));
        var missing = DicomValidator.Validate(inspector.Complete()).Where(f => f.Severity == FindingSeverity.Error && f.Detail is not null)
            .Select(f => Keyword().Match(f.Detail!)).Where(m => m.Success).Select(m => m.Groups[1].Value).Except(s_notListed).ToList();
        if (missing.Count == 0) return;
        using var process = Process.Start(new ProcessStartInfo(Program, [Path.Combine(CorpusFiles.Folder!, "files", name)]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken) + await output;
        Assert.All(missing, keyword => Assert.Contains($"<{keyword}>", said, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^(\w+) \(type ")]
    private static partial Regex Keyword();
}
