namespace Skylight.Edge.Setup;

/// <summary>Commands of <c>skylight-edge</c> besides serving.</summary>
internal static class SetupVerbs
{
    public const string Help = "";

    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string verb, string[] arguments, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"'{verb}' is not a command.".AsMemory(), cancellationToken);
        return 64;
    }
}
