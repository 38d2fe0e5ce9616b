using Skylight.Edge.Hosting;

namespace Skylight.Edge.Setup;

/// <summary>Commands of <c>skylight-edge</c> besides serving.</summary>
internal static class SetupVerbs
{
    public const string Help = """

        skylight-edge setup admin --data DIR --institution CODE --name NAME [--role ROLE] [--login LOGIN] [--institution-name NAME] [--time-zone ZONE]
          Makes an administrator's account on a stopped host and prints its password once. ROLE is security-admin (default), system-admin or audit-admin
          (system-admin needs --institution platform). An institution that is not there yet is made.
        skylight-edge token ROLE [--data DIR] [--port N]
          Development: signs in to the running host with the account that --dev made; the last line is the bearer token.
        skylight-edge logins [--data DIR]
          Development: the accounts that --dev made.
        """;

    private const int Usage = 64;

    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string verb, string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            return (verb, arguments) switch
            {
                ("setup", ["admin", .. var rest]) => await AdminSetup.RunAsync(Arguments.Parse(rest, ["data", "institution", "name", "role", "login", "institution-name", "time-zone"]), cancellationToken),
                ("token", [var role, .. var rest]) when !role.StartsWith('-') => await DevToken.TokenAsync(role, Arguments.Parse(rest, ["data", "port"]), cancellationToken),
                ("logins", _) => await DevToken.LoginsAsync(Arguments.Parse(arguments, ["data", "port"]), cancellationToken),
                _ => await FailAsync($"'{verb}' is not a command, or something is missing after it.", Usage),
            };
        }
        catch (SetupException refused)
        {
            return await FailAsync(refused.Message, refused.ExitCode);
        }
    }

    private static async Task<int> FailAsync(string message, int code)
    {
        await Console.Error.WriteLineAsync(message);
        if (code == Usage) await Console.Error.WriteLineAsync(Help);
        return code;
    }
}

/// <summary>A command that cannot be carried out, with what to tell the person.</summary>
internal sealed class SetupException(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary><c>--name value</c> pairs of a command.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public string? this[string name] => _values.GetValueOrDefault(name);

    public string DataFolder => Path.GetFullPath(this["data"] ?? ".skylight");

    public static Arguments Parse(ReadOnlySpan<string> arguments, ReadOnlySpan<string> known)
    {
        var result = new Arguments();
        for (var i = 0; i < arguments.Length; i++)
        {
            var (name, value) = arguments[i].Split('=', 2) is [var left, var right] ? (left, right) : (arguments[i], i + 1 < arguments.Length ? arguments[++i] : null);
            if (!name.StartsWith("--", StringComparison.Ordinal) || !known.Contains(name[2..])) throw new SetupException($"'{name}' is not an option of this command.", 64);
            result._values[name[2..]] = value ?? throw new SetupException($"'{name}' needs a value.", 64);
        }

        return result;
    }
}
