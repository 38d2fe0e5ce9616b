using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

/// <summary>What one pass over a file finds.</summary>
internal static class FileFindings
{
    public static async Task<IReadOnlyList<Finding>> OfAsync(Stream file, CancellationToken cancellationToken) =>
        (await InspectAsync(file, cancellationToken)).Findings;

    public static async Task<InspectedInstance> InspectAsync(Stream file, CancellationToken cancellationToken)
    {
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true, MaxInlineBytes = 16 << 20 });
        var buffer = new byte[1 << 18];
        for (int n; (n = await file.ReadAsync(buffer, cancellationToken)) > 0;) inspector.Append(buffer.AsSpan(0, n));
        return inspector.Complete();
    }
}
