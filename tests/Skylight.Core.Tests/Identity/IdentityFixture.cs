using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Hosting;
using Skylight.Core.Identity;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Identity;

/// <summary>The identity services on a real store, with a clock that the test moves.</summary>
public sealed class IdentityFixture : IAsyncDisposable
{
    public const string Issuer = "https://images.example.org";

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public IdentityFixture(Action<IdentityOptions>? configure = null, Func<IOptions<IdentityOptions>, ExternalIssuers>? external = null)
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "records.db"), SqliteDurability.Journaled, SqliteDocuments.Schema);
        Documents = new SqliteDocuments(_database);
        var options = new IdentityOptions { HashIterations = 1000 };
        configure?.Invoke(options);
        Options = Microsoft.Extensions.Options.Options.Create(options);
        IssuerAddress = new(Options, new PublicAddress(Microsoft.Extensions.Options.Options.Create(new HostingOptions { PublicBaseUrl = new Uri(Issuer) })));
        Hashing = new(Options);
        Accounts = new(Documents, Secret, Hashing, Clock);
        Throttle = new(Documents, Options, Clock);
        SignIn = new(Accounts, Hashing, Throttle, Audit, Clock);
        Keys = NewKeys();
        Tokens = new(Keys, IssuerAddress, Options, Clock);
        Codes = new(Documents, Options, Clock);
        Authenticator = new(Keys, IssuerAddress, external?.Invoke(Options) ?? new ExternalIssuers(Options), Accounts, Options, Clock);
    }

    public SqliteDocuments Documents { get; }

    public TestClock Clock { get; } = new();

    public RecordingAudit Audit { get; } = new();

    public IOptions<IdentityOptions> Options { get; }

    public IssuerAddress IssuerAddress { get; }

    public PasswordHashing Hashing { get; }

    public AccountDirectory Accounts { get; }

    public SignInThrottle Throttle { get; }

    public SignInService SignIn { get; }

    public SigningKeys Keys { get; }

    public TokenIssuer Tokens { get; }

    public AuthorizationCodes Codes { get; }

    public TokenAuthenticator Authenticator { get; }

    public static ValueTask<byte[]> Secret(string institution, string purpose, CancellationToken cancellationToken) =>
        ValueTask.FromResult(SHA256.HashData(Encoding.UTF8.GetBytes($"{institution}|{purpose}")));

    /// <summary>Another host on the same records.</summary>
    public SigningKeys NewKeys() => new(Documents, Secret, Options, Clock);

    public Task<Account> AddAsync(Role role, string login, string? password = "correct horse", string institution = "hospital-a") =>
        Accounts.CreateAsync(institution, login, "某人", role == Role.Uploader ? AccountKind.Client : AccountKind.Person, [role], password, "test", default).AsTask();

    public async Task<string> TokenAsync(Account account) => (await Tokens.IssueAsync(account, "skylight-cli", default)).AccessToken;

    public Task<Authentication> CheckAsync(string token) => Authenticator.AuthenticateAsync($"Bearer {token}", default).AsTask();

    public async ValueTask DisposeAsync()
    {
        Authenticator.Dispose();
        Keys.Dispose();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class TestClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}

public sealed class RecordingAudit : IAuditLog
{
    private readonly List<(string Institution, AuditEvent Event)> _entries = [];

    public IReadOnlyList<(string Institution, AuditEvent Event)> Entries
    {
        get
        {
            lock (_entries) return [.. _entries];
        }
    }

    public ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken)
    {
        lock (_entries)
        {
            _entries.Add((institution, entry));
            return ValueTask.FromResult((long)_entries.Count);
        }
    }

    public ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken) => throw new NotSupportedException();
}
