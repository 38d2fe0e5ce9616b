namespace Skylight.Edge.Hosting;

/// <summary>What a host is started with: the command line's content, or a test's.</summary>
public sealed record EdgeSetup
{
    /// <summary>Everything that the host keeps lies in this folder; one host at a time.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Settings that win over the environment and over <c>settings.json</c> in the data folder. Keys as in configuration (<c>Skylight:Edge:Port</c>).</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();

    /// <summary>Development: makes the invented institution's accounts on the first start; only on a loopback listener.</summary>
    public bool Dev { get; init; }

    /// <summary>Classes whose functions run, besides the product's; for tests.</summary>
    public IReadOnlyList<Type> MoreFunctions { get; init; } = [];

    /// <summary>Last word on services, after everything is registered and before the host is built.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }

    /// <summary>No console logs; for hosts inside tests.</summary>
    public bool Quiet { get; init; }

    /// <summary>Reads <c>--data DIR --port N --address IP --dev --Section:Key VALUE</c>.</summary>
    /// <exception cref="StartupException">Names every argument that is not understood.</exception>
    public static EdgeSetup Parse(ReadOnlySpan<string> arguments)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var errors = new List<string>();
        var data = ".skylight";
        var dev = false;
        for (var i = 0; i < arguments.Length; i++)
        {
            var (name, value) = Split(arguments[i]);
            if (name is "--dev" && value is null)
            {
                dev = true;
                continue;
            }

            if (name is not ("--data" or "--port" or "--address") && !(name.StartsWith("--", StringComparison.Ordinal) && name.Contains(':', StringComparison.Ordinal)))
            {
                errors.Add($"'{name}' is not an option. Known: --data DIR, --port N, --address IP, --dev, --Section:Key VALUE.");
                continue;
            }

            if (value is null && i + 1 < arguments.Length) value = arguments[++i];
            if (value is null)
            {
                errors.Add($"'{name}' needs a value.");
                continue;
            }

            switch (name)
            {
                case "--data":
                    data = value;
                    break;
                case "--port":
                    settings[$"{EdgeOptions.Section}:Port"] = value;
                    break;
                case "--address":
                    settings[$"{EdgeOptions.Section}:Address"] = value;
                    break;
                default:
                    settings[name[2..]] = value;
                    break;
            }
        }

        if (errors.Count > 0) throw new StartupException(errors);
        return new EdgeSetup { DataFolder = data, Settings = settings, Dev = dev };
    }

    private static (string Name, string? Value) Split(string argument)
    {
        var at = argument.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (argument, null) : (argument[..at], argument[(at + 1)..]);
    }
}
