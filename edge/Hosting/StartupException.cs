namespace Skylight.Edge;

/// <summary>The host cannot start; every reason is named, so that one look at the output is enough.</summary>
public sealed class StartupException(IReadOnlyList<string> reasons) : Exception(string.Join(Environment.NewLine, reasons))
{
    public IReadOnlyList<string> Reasons { get; } = reasons;
}
